// Package token mints and verifies the signed JWTs with which users log in.
//
// The keys are fixed when a gateway starts; nothing in a token makes it fetch one. One algorithm is allowed, the type, the
// issuer and the audience must be ours, and no claim is read before the signature is verified.
package token

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/parley-im/parley/schemas/name"
)

// What a token must be.
const (
	Type     = "at+jwt" // RFC 9068: an access token, and nothing else
	MaxToken = 8 << 10  // bytes
	MaxLife  = 366 * 24 * time.Hour
	skew     = 30 * time.Second // clocks may differ by this much
)

var (
	algorithms     = []string{jwt.SigningMethodEdDSA.Alg()}
	hostileHeaders = []string{"jwk", "jku", "x5u", "x5c", "crit"} // keys, where to fetch them, and what must be understood (RFC 7515)
)

// Settings are who mints tokens and for whom.
type Settings struct {
	Issuer   string
	Audience string
}

// Local are the settings for development.
var Local = Settings{Issuer: "parley", Audience: "parley"}

// Mint makes a token for a person.
func Mint(key ed25519.PrivateKey, s Settings, user string, now time.Time, life time.Duration) (string, error) {
	if !name.ValidPerson(user) {
		return "", fmt.Errorf("token: %q is no person: letters, digits, '.', '_' and '-', at most %d, not beginning with g-", user, name.MaxID)
	}
	if life <= 0 || life > MaxLife {
		return "", fmt.Errorf("token: a life of %s is not between nothing and %s", life, MaxLife)
	}
	unsigned := jwt.NewWithClaims(jwt.SigningMethodEdDSA, jwt.RegisteredClaims{
		Issuer: s.Issuer, Audience: jwt.ClaimStrings{s.Audience}, Subject: user,
		IssuedAt: jwt.NewNumericDate(now), NotBefore: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(life)),
	})
	unsigned.Header["typ"] = Type
	signed, err := unsigned.SignedString(key)
	if err != nil {
		return "", fmt.Errorf("token: sign: %w", err)
	}
	return signed, nil
}

// Verifier verifies tokens against fixed keys. It is safe for concurrent use.
type Verifier struct {
	settings Settings
	keys     jwt.VerificationKeySet
}

// NewVerifier makes a verifier. Several keys let one be replaced by the next.
func NewVerifier(s Settings, keys ...ed25519.PublicKey) (*Verifier, error) {
	if s.Issuer == "" || s.Audience == "" || len(keys) == 0 {
		return nil, errors.New("token: a verifier needs an issuer, an audience and a key")
	}
	v := &Verifier{settings: s}
	for _, key := range keys {
		if len(key) != ed25519.PublicKeySize {
			return nil, fmt.Errorf("token: a public key has %d bytes, want %d", len(key), ed25519.PublicKeySize)
		}
		v.keys.Keys = append(v.keys.Keys, key)
	}
	return v, nil
}

// Verify returns whose token it is and when it expires (milliseconds since 1970).
func (v *Verifier) Verify(token string, nowMS int64) (user string, expiresMS int64, err error) {
	if len(token) > MaxToken {
		return "", 0, fmt.Errorf("token: %d bytes, at most %d", len(token), MaxToken)
	}
	parser := jwt.NewParser(jwt.WithValidMethods(algorithms), jwt.WithStrictDecoding(), jwt.WithLeeway(skew),
		jwt.WithTimeFunc(func() time.Time { return time.UnixMilli(nowMS) }), jwt.WithExpirationRequired(), jwt.WithIssuedAt(),
		jwt.WithIssuer(v.settings.Issuer), jwt.WithAudience(v.settings.Audience))
	var claims jwt.RegisteredClaims
	if _, err := parser.ParseWithClaims(token, &claims, v.keysFor); err != nil {
		return "", 0, fmt.Errorf("token: %w", err)
	}
	if !name.ValidPerson(claims.Subject) {
		return "", 0, errors.New("token: the subject is no person")
	}
	return claims.Subject, claims.ExpiresAt.UnixMilli(), nil
}

// keysFor checks the header before any key is used: what could make a library choose a key by itself is refused.
func (v *Verifier) keysFor(token *jwt.Token) (any, error) {
	if token.Header["typ"] != Type {
		return nil, errors.New("not an access token")
	}
	for _, hostile := range hostileHeaders {
		if _, has := token.Header[hostile]; has {
			return nil, fmt.Errorf("the header %s is not taken", hostile)
		}
	}
	return v.keys, nil
}
