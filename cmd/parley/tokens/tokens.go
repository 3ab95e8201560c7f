// Package tokens signs and verifies the tokens of a deployment, as its settings say.
package tokens

import (
	"crypto/ed25519"
	"time"

	"github.com/parley-im/parley/cmd/parley/settings"
	"github.com/parley-im/parley/gateways/token"
)

// Lifetime is how long a development token is valid, unless said otherwise.
const Lifetime = 30 * 24 * time.Hour

// folder holds the development key pair, under the data folder.
const folder = "token"

func claims(s settings.Settings) token.Settings {
	return token.Settings{Issuer: s.Issuer, Audience: s.Audience}
}

// Mint signs a token of a user with the development key pair, which is created when there is none.
func Mint(s settings.Settings, user string, life time.Duration) (string, error) {
	private, _, err := token.Pair(s.Dir(folder))
	if err != nil {
		return "", err
	}
	return token.Mint(private, claims(s), user, time.Now(), life)
}

// Verifier checks tokens against the key that the settings name, or the development key.
func Verifier(s settings.Settings) (*token.Verifier, error) {
	var public ed25519.PublicKey
	var err error
	if s.TokenKey != "" {
		public, err = token.Public(s.TokenKey)
	} else {
		_, public, err = token.Pair(s.Dir(folder))
	}
	if err != nil {
		return nil, err
	}
	return token.NewVerifier(claims(s), public)
}
