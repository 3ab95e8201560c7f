// This file says how to reach Kafka, for all three libraries alike.

package wire

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/IBM/sarama"
	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"
)

// Cluster says how to reach Kafka. With Brokers alone the connection is plain, for one's own machine.
type Cluster struct {
	Brokers  []string // host:port
	CA       string   // file, PEM; the authority of the brokers' certificates; empty and Cert empty = no TLS
	Cert     string   // file, PEM; the client's certificate, which is its name for ACLs
	Key      string   // file, PEM; the key of Cert
	User     string   // SASL/PLAIN; empty = none
	Password string
}

func (c Cluster) check() error {
	if len(c.Brokers) == 0 {
		return errors.New("no broker is named: set the address of at least one, as host:port")
	}
	if (c.Cert == "") != (c.Key == "") {
		return errors.New("a certificate needs its key and the other way round: set both or none")
	}
	return c.greet()
}

func (c Cluster) secure() bool { return c.CA != "" || c.Cert != "" }

// forRdkafka writes the connection into librdkafka's settings.
func (c Cluster) forRdkafka(m kafka.ConfigMap) kafka.ConfigMap {
	m["bootstrap.servers"] = strings.Join(c.Brokers, ",")
	switch {
	case c.secure() && c.User != "":
		m["security.protocol"] = "sasl_ssl"
	case c.secure():
		m["security.protocol"] = "ssl"
	case c.User != "":
		m["security.protocol"] = "sasl_plaintext"
	}
	if c.CA != "" {
		m["ssl.ca.location"] = c.CA
	}
	if c.Cert != "" {
		m["ssl.certificate.location"] = c.Cert
		m["ssl.key.location"] = c.Key
	}
	if c.User != "" {
		m["sasl.mechanisms"] = "PLAIN"
		m["sasl.username"] = c.User
		m["sasl.password"] = c.Password
	}
	return m
}

// forSarama writes the connection into sarama's settings.
func (c Cluster) forSarama(conf *sarama.Config) error {
	if c.User != "" {
		conf.Net.SASL.Enable = true
		conf.Net.SASL.Mechanism = sarama.SASLTypePlaintext
		conf.Net.SASL.User, conf.Net.SASL.Password = c.User, c.Password
	}
	secure, err := c.TLS()
	if err != nil || secure == nil {
		return err
	}
	conf.Net.TLS.Enable, conf.Net.TLS.Config = true, secure
	return nil
}

// forFranz are the connection's options for franz-go.
func (c Cluster) forFranz() ([]kgo.Opt, error) {
	options := []kgo.Opt{kgo.SeedBrokers(c.Brokers...)}
	secure, err := c.TLS()
	if secure != nil {
		options = append(options, kgo.DialTLSConfig(secure))
	}
	if c.User != "" {
		options = append(options, kgo.SASL(plain.Auth{User: c.User, Pass: c.Password}.AsMechanism()))
	}
	return options, err
}

// TLS is the connection's encryption, nil for none: for sarama, and for clients beside this package.
func (c Cluster) TLS() (*tls.Config, error) {
	if !c.secure() {
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

func loggerOr(log *slog.Logger) *slog.Logger {
	if log == nil {
		return slog.Default()
	}
	return log
}
