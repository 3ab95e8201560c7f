// This file decides what a test does when a real server cannot be had, and holds the options all servers share.

package servers

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/parley-im/parley/test/servers/network"
)

// ErrUnavailable marks that a server cannot be had on this machine (nothing installed and nothing to install it
// with), as opposed to one that was had and failed.
var ErrUnavailable = errors.New("not to be had here")

// Option is an option that every kind of server knows.
type Option interface {
	KafkaOption
	RedisOption
	MongoOption
}

// Own starts a server of the test's own even when PARLEY_TEST_* names one: for tests that stop, kill or pause it.
func Own() Option { return own{} }

type own struct{}

func (own) kafka(c *KafkaConfig) { c.Own = true }
func (own) redis(c *RedisConfig) { c.Own = true }
func (own) mongo(c *MongoConfig) { c.Own = true }

// At runs the server at a host of the test's own network; Kafka's brokers at one each, in turn. No host means here.
func At(hosts ...*network.Host) Option { return at(hosts) }

type at []*network.Host

func (h at) kafka(c *KafkaConfig) { c.Hosts, c.Own = h, true }
func (h at) redis(c *RedisConfig) { c.Host, c.Own = h.first(), true }
func (h at) mongo(c *MongoConfig) { c.Host, c.Own = h.first(), true }

func (h at) first() *network.Host {
	if len(h) == 0 {
		return nil
	}
	return h[0]
}

// KeepData puts the server's data into a folder that outlives the test, and finds there what an earlier one left.
func KeepData(dir string) Option { return keepData(dir) }

type keepData string

func (d keepData) kafka(c *KafkaConfig) { c.Dir, c.Keep, c.Own = string(d), true, true }
func (d keepData) redis(c *RedisConfig) { c.Dir, c.Keep, c.AOF, c.Own = string(d), true, true, true }
func (d keepData) mongo(c *MongoConfig) { c.Dir, c.Keep, c.OnDisk, c.Own = string(d), true, true, true }

// SkipOrFail ends a test for want of a server: it skips loudly when the server cannot be had, and fails when
// PARLEY_REAL=required or when the server was had but broke. A TestMain that keeps the error of StartKafka and the
// like gives it to this in each test.
func SkipOrFail(t testing.TB, what string, err error) {
	t.Helper()
	if !errors.Is(err, ErrUnavailable) || os.Getenv("PARLEY_REAL") == "required" {
		t.Fatalf("needs real %s: %v", what, err)
	}
	message := fmt.Sprintf("SKIPPED: needs real %s: %v; set PARLEY_REAL=required to make this fail", what, err)
	// go test hides skips without -v; what stands on stderr is at least seen when a single package is tested.
	fmt.Fprintln(os.Stderr, "!!! "+t.Name()+" "+message)
	t.Skip(message)
}

// wanted answers ErrUnavailable when the environment forbids real servers.
func wanted() error {
	switch v := os.Getenv("PARLEY_REAL"); v {
	case "", "required":
		return nil
	case "off":
		return fmt.Errorf("%w: PARLEY_REAL=off", ErrUnavailable)
	default:
		return fmt.Errorf("PARLEY_REAL=%q is not known; use required, off, or leave it unset", v)
	}
}

// given is the address that the environment names for a server, unless the caller wants one of its own.
func given(variable string, ownOne bool) string {
	if ownOne {
		return ""
	}
	return os.Getenv(variable)
}

// cleanUp closes a test's server after the test, and shows the end of its log when the test failed.
func cleanUp(t testing.TB, s interface {
	Close() error
	LogTail() string
}) {
	t.Helper()
	t.Cleanup(func() {
		if t.Failed() {
			if tail := s.LogTail(); tail != "" {
				t.Logf("end of the server's log:\n%s", tail)
			}
		}
		if err := s.Close(); err != nil {
			t.Errorf("close the server: %v", err)
		}
	})
}

// dataDir returns where a server keeps its data, and what removes it when the server is closed.
func dataDir(dir, kind string) (string, func() error, error) {
	if dir != "" {
		return dir, func() error { return nil }, os.MkdirAll(dir, 0o755)
	}
	dir, err := os.MkdirTemp("", "parley-"+kind+"-")
	return dir, func() error { return os.RemoveAll(dir) }, err
}
