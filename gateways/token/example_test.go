// Examples of tokens, for godoc.

package token_test

import (
	"crypto/ed25519"
	"fmt"
	"time"

	"github.com/parley-im/parley/gateways/token"
)

// Whoever holds the private key mints; a gateway needs the public half alone.
func ExampleMint() {
	public, private, _ := ed25519.GenerateKey(nil)
	now := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	signed, err := token.Mint(private, token.Local, "ann", now, time.Hour)
	if err != nil {
		fmt.Println(err)
		return
	}
	verifier, _ := token.NewVerifier(token.Local, public)
	user, expires, err := verifier.Verify(signed, now.UnixMilli())
	fmt.Println(user, time.UnixMilli(expires).UTC().Format(time.TimeOnly), err)
	_, _, err = verifier.Verify(signed, now.Add(2*time.Hour).UnixMilli())
	fmt.Println(err != nil)
	// Output:
	// ann 13:00:00 <nil>
	// true
}
