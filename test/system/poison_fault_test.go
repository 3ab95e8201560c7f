// Poison: records that no fold can take, written straight into the command topics. Each becomes a dead letter with its
// cause, and what stands behind it is taken.

package system

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire"
)

const (
	letterEvery = 500 * time.Millisecond // between looks at the dead letters
	poisonKeys  = 1000
)

const maxForged = 24 // records in topics of groups alone: parley verify must name each of them

// place is where a record stands.
type place struct {
	topic     string
	partition int32
	offset    int64
}

// poison is a record that was written, and why it must have become a dead letter.
type poison struct {
	place
	failing pb.Failing
	what    string
}

// venoms are the kinds of poison.
var venoms = []struct {
	what    string
	key     string
	value   []byte
	failing pb.Failing
}{
	{"undecodable", "poison", []byte{0x52, 0xff}, pb.Failing_FAILING_UNDECODABLE},
	{"unknown word", "poison", []byte{0x9a, 6, 0}, pb.Failing_FAILING_UNKNOWN_WORD},
	{"no value", "poison", nil, pb.Failing_FAILING_MALFORMED_RECORD},
	{"no key", "", []byte{0x52, 0xff}, pb.Failing_FAILING_MALFORMED_RECORD},
}

// poisonAll writes every kind into every command topic, waits for the letters, and lets the probes pass behind them.
func poisonAll(w *world) time.Time {
	client, err := kgo.NewClient(kgo.SeedBrokers(w.kafka.Brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		w.must("poison", err)
		return time.Now()
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), recoveryPatience)
	defer cancel()
	var fresh []poison
	for _, g := range w.plan().Groups {
		forged := !w.open(g.Input)
		for _, v := range venoms {
			if forged && len(w.forged) >= maxForged {
				continue
			}
			key := v.key
			if key != "" {
				key = fmt.Sprintf("%s-%s-%d", key, g.Name, w.rand.IntN(poisonKeys))
			}
			at := topology.PartitionOf(key, partitions)
			r := &kgo.Record{Topic: g.Input, Partition: at, Key: []byte(key), Value: v.value}
			if err := client.ProduceSync(ctx, r).FirstErr(); err != nil {
				w.must("write poison", err)
				continue
			}
			p := poison{place{g.Input, r.Partition, r.Offset}, v.failing, v.what}
			fresh = append(fresh, p)
			if forged {
				w.forged[p.place] = true
			}
		}
	}
	w.poisons.Add(int64(len(fresh)))
	written := time.Now()
	w.letters(ctx, fresh)
	return written
}

// open reports whether a gateway writes to a topic: what stands there without a cause may be a person's.
func (w *world) open(topic string) bool {
	t, _ := w.plan().Topic(topic)
	return slices.Contains(t.Writers, "session")
}

// letters waits until each poison has its dead letter.
func (w *world) letters(ctx context.Context, wanted []poison) {
	for end := time.Now().Add(recoveryPatience); ; time.Sleep(letterEvery) {
		found := map[place]pb.Failing{}
		err := wire.Read(ctx, wire.Cluster{Brokers: strings.Split(w.h.Kafka, ",")}, topology.DeadLetters, func(r *topology.Record) error {
			var l pb.DeadLetter
			if err := l.UnmarshalVT(r.Value); err != nil {
				return err
			}
			found[place{l.Topic, l.Partition, l.Offset}] = l.Failing
			return nil
		})
		missing := ""
		for _, p := range wanted {
			failing, ok := found[p.place]
			if !ok {
				missing = fmt.Sprintf("%s/%d@%d (%s)", p.topic, p.partition, p.offset, p.what)
			} else if failing != p.failing {
				w.find("S", "the dead letter of %s/%d@%d (%s) says %v, not %v", p.topic, p.partition, p.offset, p.what, failing, p.failing)
				return
			}
		}
		if missing == "" && err == nil {
			return
		}
		if time.Now().After(end) {
			w.find("S", "no dead letter for %s: %v", missing, err)
			return
		}
	}
}
