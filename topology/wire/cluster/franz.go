// What all clients on franz-go have in common.

package cluster

import (
	"context"
	"log/slog"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"
)

// Options are the options of every client on franz-go: the connection, retries and logs.
func (c Config) Options(clientID string, log *slog.Logger) ([]kgo.Opt, error) {
	options, err := c.connection()
	return append(options,
		kgo.ClientID(clientID),
		kgo.WithLogger(franzLog{log}),
		kgo.DialTimeout(NetworkTimeout),
		kgo.RetryBackoffFn(backoff),
		kgo.MetadataMinAge(FirstBackoff), // a new leader is found at once
		kgo.DisableClientMetrics(),       // brokers do not need the client's metrics
	), err
}

// connection are the options that reach and authenticate.
func (c Config) connection() ([]kgo.Opt, error) {
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

// backoff is the pause before the n-th attempt. After an outage clients are back within a second, not within five.
func backoff(n int) time.Duration {
	return min(FirstBackoff<<min(n, 10), time.Second)
}

// franzLog forwards the library's log lines to slog.
type franzLog struct{ log *slog.Logger }

// Level is the lowest level that is wanted: what the library calls information is for debugging the library.
func (l franzLog) Level() kgo.LogLevel { return kgo.LogLevelWarn }

// Log takes a line.
func (l franzLog) Log(level kgo.LogLevel, message string, pairs ...any) {
	at := slog.LevelWarn
	if level == kgo.LogLevelError {
		at = slog.LevelError
	}
	l.log.Log(context.Background(), at, message, append(pairs, "from", "franz-go")...)
}
