// A broker that is away for longer than any session may last.

package kafka_test

import (
	"testing"
	"time"

	"github.com/parley-im/parley/test/servers"
)

// TestBrokerStopped freezes the only broker, then kills it and starts it again, each time for longer than a session and its
// drain may last. Members end by the prefix law and are started again; nothing is missing, and there is no hole.
func TestBrokerStopped(t *testing.T) {
	k := servers.Kafka(t)
	if k.External() {
		t.Skip("the Kafka that PARLEY_TEST_KAFKA names is shared and cannot be stopped")
	}
	c := newCampaign(t, stage{"counter", "stopped", 7, 4}, k.Brokers, 2)
	const commands, rate = 10_000, 250
	outage := 2 * (c.session + c.drain)
	c.feed(commands, rate)
	time.Sleep(5 * time.Second)
	for _, f := range []struct{ stop, start func(...int) error }{{k.Pause, k.Resume}, {k.Kill, k.Start}} {
		if err := f.stop(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(outage)
		if err := f.start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
	}
	c.verify(commands)
	byLaw := 0
	for _, m := range c.members {
		byLaw += m.ended(3)
	}
	t.Logf("members ended %d times by the prefix law", byLaw)
}
