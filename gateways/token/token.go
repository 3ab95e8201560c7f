// Package token mints and verifies the signed JWTs with which people come to the gates.
//
// The keys are fixed when a gate starts; nothing that stands in a token makes it fetch one. The algorithm is on a list of
// one, the type, the issuer and the audience are ours, and a claim is read only after the signature was found right.
package token

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jws"
	"github.com/lestrrat-go/jwx/v3/jwt"

	"github.com/parley-im/parley/schemas/name"
)

// What a token of ours says.
const (
	Type     = "at+jwt" // RFC 9068: an access token, and nothing else
	MaxToken = 8 << 10  // bytes
	MaxLife  = 366 * 24 * time.Hour
	skew     = 30 * time.Second // clocks may differ by this much
)

// Settings name who mints and for whom.
type Settings struct {
	Issuer   string
	Audience string
}

// Local are the settings of one's own machine.
var Local = Settings{Issuer: "parley", Audience: "parley"}

// Mint makes a token for a person.
func Mint(key ed25519.PrivateKey, s Settings, user string, now time.Time, life time.Duration) (string, error) {
	if !name.ValidPerson(user) {
		return "", fmt.Errorf("token: %q is no person: letters, digits, '.', '_' and '-', at most %d, not beginning with g-", user, name.MaxID)
	}
	if life <= 0 || life > MaxLife {
		return "", fmt.Errorf("token: a life of %s is not between nothing and %s", life, MaxLife)
	}
	claims, err := jwt.NewBuilder().Issuer(s.Issuer).Audience([]string{s.Audience}).Subject(user).
		IssuedAt(now).NotBefore(now).Expiration(now.Add(life)).Build()
	if err != nil {
		return "", fmt.Errorf("token: %w", err)
	}
	headers := jws.NewHeaders()
	if err := headers.Set(jws.TypeKey, Type); err != nil {
		return "", fmt.Errorf("token: %w", err)
	}
	signed, err := jwt.Sign(claims, jwt.WithKey(jwa.EdDSA(), key, jws.WithProtectedHeaders(headers)))
	if err != nil {
		return "", fmt.Errorf("token: sign: %w", err)
	}
	return string(signed), nil
}

// Verifier verifies tokens against fixed keys. It is safe for concurrent use.
type Verifier struct {
	settings Settings
	keys     []ed25519.PublicKey
}

// NewVerifier makes a verifier. Several keys let one be replaced by the next.
func NewVerifier(s Settings, keys ...ed25519.PublicKey) (*Verifier, error) {
	if s.Issuer == "" || s.Audience == "" || len(keys) == 0 {
		return nil, errors.New("token: a verifier needs an issuer, an audience and a key")
	}
	for _, key := range keys {
		if len(key) != ed25519.PublicKeySize {
			return nil, fmt.Errorf("token: a public key has %d bytes, want %d", len(key), ed25519.PublicKeySize)
		}
	}
	return &Verifier{settings: s, keys: keys}, nil
}

// Verify says whose token it is and when it runs out (milliseconds since 1970).
func (v *Verifier) Verify(token string, nowMS int64) (user string, expiresMS int64, err error) {
	if len(token) > MaxToken {
		return "", 0, fmt.Errorf("token: %d bytes, at most %d", len(token), MaxToken)
	}
	if err := looksLikeOurs(token); err != nil {
		return "", 0, err
	}
	claims, err := v.signed(token, nowMS)
	if err != nil {
		return "", 0, err
	}
	user, _ = claims.Subject()
	if !name.ValidPerson(user) {
		return "", 0, errors.New("token: the subject is no person")
	}
	expires, _ := claims.Expiration()
	return user, expires.UnixMilli(), nil
}

// looksLikeOurs looks at the header before any key is touched: what could make a library choose a key or an algorithm
// by itself is refused.
func looksLikeOurs(token string) error {
	message, err := jws.Parse([]byte(token), jws.WithCompact())
	if err != nil {
		return fmt.Errorf("token: not a signed token: %w", err)
	}
	if len(message.Signatures()) != 1 {
		return errors.New("token: want one signature")
	}
	header := message.Signatures()[0].ProtectedHeaders()
	if algorithm, ok := header.Algorithm(); !ok || algorithm != jwa.EdDSA() {
		return errors.New("token: the algorithm is not on the list")
	}
	if kind, ok := header.Type(); !ok || kind != Type {
		return errors.New("token: not an access token")
	}
	for _, hostile := range []string{jws.JWKKey, jws.JWKSetURLKey, jws.X509URLKey, jws.X509CertChainKey, jws.CriticalKey} {
		if header.Has(hostile) {
			return fmt.Errorf("token: the header %s is not taken", hostile)
		}
	}
	return nil
}

// signed verifies the signature with each of the fixed keys, then the claims.
func (v *Verifier) signed(token string, nowMS int64) (jwt.Token, error) {
	clock := jwt.ClockFunc(func() time.Time { return time.UnixMilli(nowMS) })
	var failed error
	for _, key := range v.keys {
		payload, err := jws.Verify([]byte(token), jws.WithKey(jwa.EdDSA(), key))
		if err != nil {
			failed = fmt.Errorf("token: the signature is not ours: %w", err)
			continue
		}
		claims, err := jwt.ParseInsecure(payload) // the signature was verified just now
		if err != nil {
			return nil, fmt.Errorf("token: claims: %w", err)
		}
		err = jwt.Validate(claims, jwt.WithClock(clock), jwt.WithAcceptableSkew(skew),
			jwt.WithIssuer(v.settings.Issuer), jwt.WithAudience(v.settings.Audience),
			jwt.WithRequiredClaim(jwt.ExpirationKey), jwt.WithRequiredClaim(jwt.SubjectKey))
		if err != nil {
			return nil, fmt.Errorf("token: %w", err)
		}
		return claims, nil
	}
	return nil, failed
}
