// This file finds out whether Kafka and this process accept each other, before the client libraries begin: those would go
// on trying for ever, and some do not say what is wrong.

package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// greetLimit is for all brokers that are named. Whoever is away then is left to the patience of the libraries.
const greetLimit = 5 * time.Second

// tlsAlert is the operation that crypto/tls names when the other side ends a handshake.
const tlsAlert = "remote error"

// ErrRefused says that Kafka and this process do not accept each other. Trying again does not help.
var ErrRefused = errors.New("Kafka and this process do not accept each other")

// greet asks one broker something. Only a certificate or a password that is not accepted is an error.
func (c Cluster) greet() error {
	if !c.secure() && c.User == "" {
		return nil
	}
	options, err := c.forFranz()
	if err != nil {
		return err
	}
	options = append(options, kgo.DialTimeout(greetLimit))
	client, err := kgo.NewClient(options...)
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), greetLimit)
	defer cancel()
	err = client.Ping(ctx)
	var theirs *tls.CertificateVerificationError
	var ours *net.OpError
	switch {
	case errors.As(err, &theirs):
		return fmt.Errorf("%w: the brokers' certificate is none of the authority in %q: name the authority that signed it: %w", ErrRefused, c.CA, err)
	case errors.As(err, &ours) && ours.Op == tlsAlert:
		return fmt.Errorf("%w: the brokers refuse the certificate in %q: use one of an authority that they trust: %w", ErrRefused, c.Cert, err)
	case errors.Is(err, kerr.SaslAuthenticationFailed):
		return fmt.Errorf("%w: the brokers refuse the user %q or the password: %w", ErrRefused, c.User, err)
	}
	return nil
}
