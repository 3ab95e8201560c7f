// The consumer, with every setting of librdkafka that differs from its default, each with its reason.

package read

import (
	"fmt"
	"strings"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"github.com/parley-im/parley/topology/wire/cluster"
)

const (
	readBuffer = 16 << 10              // KiB fetched ahead, all partitions together
	readFetch  = 1 << 20               // bytes of one fetch of one partition
	fetchWait  = 20 * time.Millisecond // a broker without records answers after that long
)

func newReader(c cluster.Config) (*kafka.Consumer, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	conf := settings(c)
	consumer, err := kafka.NewConsumer(&conf)
	if err != nil {
		return nil, fmt.Errorf("start the reader: %w", err)
	}
	return consumer, nil
}

// settings are for reading whole topics.
func settings(c cluster.Config) kafka.ConfigMap {
	return connect(c, kafka.ConfigMap{
		"client.id":                  "parley-reader",
		"group.id":                   "parley.reader", // librdkafka wants one; nothing joins it and nothing is committed
		"enable.partition.eof":       true,
		"auto.offset.reset":          "error", // out of range must be seen, never jumped over
		"enable.auto.commit":         false,
		"enable.auto.offset.store":   false,
		"isolation.level":            "read_committed",
		"fetch.wait.max.ms":          int(fetchWait.Milliseconds()),
		"fetch.error.backoff.ms":     100,
		"queued.max.messages.kbytes": readBuffer, // librdkafka's default is 64 MiB
		"fetch.message.max.bytes":    readFetch,
		"allow.auto.create.topics":   false,
		"go.logs.channel.enable":     false,
		"log_level":                  3, // errors alone reach stderr; errors that matter arrive as events
		"log.connection.close":       false,
		"socket.nagle.disable":       true,
		"reconnect.backoff.max.ms":   1000,
		"enable.metrics.push":        false,
	})
}

// connect adds the connection to the settings.
func connect(c cluster.Config, m kafka.ConfigMap) kafka.ConfigMap {
	m["bootstrap.servers"] = strings.Join(c.Brokers, ",")
	switch {
	case c.Secure() && c.User != "":
		m["security.protocol"] = "sasl_ssl"
	case c.Secure():
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
