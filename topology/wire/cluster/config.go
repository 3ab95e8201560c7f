// Where the brokers are, and how to connect to them.

// Package cluster says how to reach Kafka: addresses, TLS, credentials, the check that both sides accept each other, and
// what all clients on franz-go have in common.
//
// The spelling of the connection for librdkafka stands in read, the one for sarama with the groups: each library is known
// in one package alone.
package cluster

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
)

// Config says how to reach Kafka. With Brokers alone the connection is plain, for a developer's machine.
type Config struct {
	Brokers  []string // host:port
	CA       string   // file, PEM: the authority of the brokers' certificates; empty and Cert empty = no TLS
	Cert     string   // file, PEM: the client's certificate, which is its name for ACLs
	Key      string   // file, PEM: the key of Cert
	User     string   // SASL/PLAIN; empty = none
	Password string
}

// Check returns an error if the settings contradict each other, or if the brokers refuse the client. Brokers that cannot be
// reached are no error here: the client libraries retry.
func (c Config) Check() error {
	if len(c.Brokers) == 0 {
		return errors.New("no broker is named: set the address of at least one, as host:port")
	}
	if (c.Cert == "") != (c.Key == "") {
		return errors.New("a certificate needs its key and the other way round: set both or none")
	}
	return c.handshake()
}

// Secure reports whether the connection is encrypted.
func (c Config) Secure() bool { return c.CA != "" || c.Cert != "" }

// TLS is the connection's encryption, nil for none.
func (c Config) TLS() (*tls.Config, error) {
	if !c.Secure() {
		return nil, nil
	}
	secure := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CA != "" {
		pem, err := os.ReadFile(c.CA)
		if err != nil {
			return nil, fmt.Errorf("read the brokers' authority: %w", err)
		}
		secure.RootCAs = x509.NewCertPool()
		if !secure.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate in PEM", c.CA)
		}
	}
	if c.Cert != "" {
		pair, err := tls.LoadX509KeyPair(c.Cert, c.Key)
		if err != nil {
			return nil, fmt.Errorf("read the client's certificate: %w", err)
		}
		secure.Certificates = []tls.Certificate{pair}
	}
	return secure, nil
}
