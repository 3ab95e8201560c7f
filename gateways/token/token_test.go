// The token matrix: what every door refuses, and the little that it takes.

package token

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var now = time.UnixMilli(1_700_000_000_000)

type object = map[string]any

// forge writes a token by hand, signed by whatever is given.
func forge(t *testing.T, header, claims object, sign func([]byte) []byte) string {
	t.Helper()
	part := func(o object) string {
		text, err := json.Marshal(o)
		require.NoError(t, err)
		return base64.RawURLEncoding.EncodeToString(text)
	}
	body := part(header) + "." + part(claims)
	return body + "." + base64.RawURLEncoding.EncodeToString(sign([]byte(body)))
}

func TestVerify(t *testing.T) {
	private, public, err := Pair(t.TempDir())
	require.NoError(t, err)
	_, stranger, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	verifier, err := NewVerifier(Local, public)
	require.NoError(t, err)

	good := func(change func(header, claims object)) string {
		header := object{"alg": "EdDSA", "typ": Type}
		claims := object{"iss": "parley", "aud": []string{"parley"}, "sub": "ann", "iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(time.Hour).Unix()}
		change(header, claims)
		return forge(t, header, claims, func(b []byte) []byte { return ed25519.Sign(private, b) })
	}
	set := func(where, key string, value any) func(object, object) {
		return func(header, claims object) {
			target := claims
			if where == "header" {
				target = header
			}
			if target[key] = value; value == nil {
				delete(target, key)
			}
		}
	}
	publicDER, err := x509.MarshalPKIXPublicKey(public)
	require.NoError(t, err)
	hs256 := func(secret []byte) string {
		return forge(t, object{"alg": "HS256", "typ": Type}, object{"iss": "parley", "aud": "parley", "sub": "ann", "exp": now.Add(time.Hour).Unix()},
			func(b []byte) []byte { m := hmac.New(sha256.New, secret); m.Write(b); return m.Sum(nil) })
	}
	minted, err := Mint(private, Local, "ann", now, time.Hour)
	require.NoError(t, err)
	ofStranger, err := Mint(stranger, Local, "ann", now, time.Hour)
	require.NoError(t, err)
	parts := strings.Split(minted, ".")
	null := parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte("null"))
	null += "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(private, []byte(null)))

	for what, c := range map[string]struct {
		token string
		taken bool
	}{
		"minted":                      {minted, true},
		"forged by the right key":     {good(func(_, _ object) {}), true},
		"with a kid that we ignore":   {good(set("header", "kid", "../../etc/passwd")), true},
		"clock skew within the limit": {good(set("claims", "nbf", now.Add(10*time.Second).Unix())), true},
		"empty":                       {"", false},
		"not a token":                 {"a.b.c", false},
		"alg none":                    {forge(t, object{"alg": "none", "typ": Type}, object{"iss": "parley", "aud": "parley", "sub": "ann", "exp": now.Add(time.Hour).Unix()}, func([]byte) []byte { return nil }), false},
		"HS256 with the public key":   {hs256(public), false},
		"HS256 with the public DER":   {hs256(publicDER), false},
		"key of a stranger":           {ofStranger, false},
		"signature cut off":           {parts[0] + "." + parts[1] + ".", false},
		"claims changed":              {parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"bob"}`)) + "." + parts[2], false},
		"no claims, signed by us":     {null, false},
		"four parts":                  {minted + ".", false},
		"alg in another case":         {good(set("header", "alg", "eddsa")), false},
		"jku":                         {good(set("header", "jku", "https://evil.example/keys")), false},
		"x5u":                         {good(set("header", "x5u", "https://evil.example/cert")), false},
		"jwk":                         {good(set("header", "jwk", object{"kty": "OKP", "crv": "Ed25519", "x": base64.RawURLEncoding.EncodeToString(public)})), false},
		"crit":                        {good(set("header", "crit", []string{"exp"})), false},
		"id token":                    {good(set("header", "typ", "JWT")), false},
		"no type":                     {good(set("header", "typ", nil)), false},
		"wrong issuer":                {good(set("claims", "iss", "evil")), false},
		"no issuer":                   {good(set("claims", "iss", nil)), false},
		"wrong audience":              {good(set("claims", "aud", "other")), false},
		"no audience":                 {good(set("claims", "aud", nil)), false},
		"expired":                     {good(set("claims", "exp", now.Add(-time.Minute).Unix())), false},
		"no expiry":                   {good(set("claims", "exp", nil)), false},
		"not yet":                     {good(set("claims", "nbf", now.Add(time.Hour).Unix())), false},
		"no subject":                  {good(set("claims", "sub", nil)), false},
		"a group as subject":          {good(set("claims", "sub", "g-1")), false},
		"a path as subject":           {good(set("claims", "sub", "ann/bob")), false},
		"too long":                    {good(set("claims", "pad", strings.Repeat("x", MaxToken))), false},
	} {
		t.Run(what, func(t *testing.T) {
			user, expires, err := verifier.Verify(c.token, now.UnixMilli())
			if !c.taken {
				require.Error(t, err)
				require.Empty(t, user)
				return
			}
			require.NoError(t, err)
			require.Equal(t, "ann", user)
			require.Equal(t, now.Add(time.Hour).UnixMilli(), expires)
		})
	}
}

func TestOneKeyFollowsAnother(t *testing.T) {
	old, oldPublic, err := Pair(t.TempDir())
	require.NoError(t, err)
	next, nextPublic, err := Pair(t.TempDir())
	require.NoError(t, err)
	verifier, err := NewVerifier(Local, nextPublic, oldPublic)
	require.NoError(t, err)
	for _, key := range []ed25519.PrivateKey{old, next} {
		minted, err := Mint(key, Local, "ann", now, time.Hour)
		require.NoError(t, err)
		_, _, err = verifier.Verify(minted, now.UnixMilli())
		require.NoError(t, err)
	}
}

func TestMintRefuses(t *testing.T) {
	private, _, err := Pair(t.TempDir())
	require.NoError(t, err)
	for _, user := range []string{"", "g-group", "a/b", strings.Repeat("a", 65)} {
		_, err := Mint(private, Local, user, now, time.Hour)
		require.Error(t, err, user)
	}
	_, err = Mint(private, Local, "ann", now, 0)
	require.Error(t, err)
}

func TestPairIsMadeOnceForItsOwnerAlone(t *testing.T) {
	dir := t.TempDir()
	first, public, err := Pair(dir)
	require.NoError(t, err)
	again, _, err := Pair(dir)
	require.NoError(t, err)
	require.Equal(t, first, again)
	info, err := os.Stat(filepath.Join(dir, privateFile))
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
	read, err := Public(filepath.Join(dir, publicFile))
	require.NoError(t, err)
	require.Equal(t, public, read)
	_, err = Private(filepath.Join(dir, publicFile))
	require.Error(t, err)
}

// BenchmarkVerify is what hello costs for its token.
func BenchmarkVerify(b *testing.B) {
	private, public, err := Pair(b.TempDir())
	require.NoError(b, err)
	verifier, err := NewVerifier(Local, public)
	require.NoError(b, err)
	minted, err := Mint(private, Local, "ann", now, time.Hour)
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := verifier.Verify(minted, now.UnixMilli()); err != nil {
			b.Fatal(err)
		}
	}
}
