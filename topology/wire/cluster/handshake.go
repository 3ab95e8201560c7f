// Whether Kafka and this process accept each other. It is asked before the client libraries start: they would retry for
// ever, and some do not report the reason.

package cluster

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

// handshakeTimeout is for all brokers that are named. Brokers that are away are left to the retries of the libraries.
const handshakeTimeout = 5 * time.Second

// tlsAlert is the operation that crypto/tls names when the other side ends a TLS handshake.
const tlsAlert = "remote error"

// handshake pings a broker. Only a certificate or a password that is not accepted is an error.
func (c Config) handshake() error {
	if !c.Secure() && c.User == "" {
		return nil
	}
	options, err := c.connection()
	if err != nil {
		return err
	}
	options = append(options, kgo.DialTimeout(handshakeTimeout))
	client, err := kgo.NewClient(options...)
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), handshakeTimeout)
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
