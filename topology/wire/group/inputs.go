// A session's inputs: franz-go fetches them, and goka gets runs of them.
//
// sarama keeps the membership and fetches nothing: it names every partition in every fetch, and each partition costs it
// two goroutines and three channels. What goka takes for a message only signals that there is something: the fold takes all
// that is there as one run, and goka's bookkeeping is paid once for it.

package group

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire/fetch"
)

// Limits of inputs, for each partition.
const (
	runRecords   = 256            // of a run, at most
	queuedInputs = 4 * runRecords // fetched ahead, and one fetch, before the partition pauses
)

// errSessionOver ends a session whose inputs cannot be fetched from where they were. The next one asks for the log again.
var errSessionOver = errors.New("an input cannot be fetched any more")

// inputs are the partitions of a session that is being folded.
type inputs struct {
	g      *group
	client *kgo.Client
	of     map[int32]*input
}

// input is one of them, and what goka takes for a claim.
type input struct {
	*fetch.Queue
	from     int64        // where the session begins
	end      atomic.Int64 // of the log, at the last fetch
	messages chan *sarama.ConsumerMessage
}

// openInputs begins to fetch each partition at its target.
func (g *group) openInputs(s *session) (*inputs, error) {
	begins := map[int32]kgo.Offset{}
	for _, c := range s.claims {
		begins[c.partition] = kgo.NewOffset().At(c.Target)
	}
	options, err := inputOptions(g.settings.Cluster, g.name, g.log)
	if err != nil {
		return nil, err
	}
	client, err := kgo.NewClient(append(options, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{g.input: begins}))...)
	if err != nil {
		return nil, fmt.Errorf("fetch the inputs: %w", err)
	}
	all := &inputs{g: g, client: client, of: map[int32]*input{}}
	for _, c := range s.claims {
		in := newInput(client, topology.TopicPartition{Topic: g.input, Partition: c.partition}, c.Target)
		all.of[c.partition] = in
		c.input.Store(in)
	}
	return all, nil
}

func newInput(client *kgo.Client, tp topology.TopicPartition, from int64) *input {
	return &input{Queue: fetch.NewQueue(client, tp, queuedInputs), from: from, messages: make(chan *sarama.ConsumerMessage, 1)}
}

// foldAll lets goka fold the session's inputs until the session ends (nil), or one of them does.
func (h *handler) foldAll(ctx context.Context) error {
	if len(h.s.claims) == 0 {
		<-ctx.Done()
		return nil
	}
	all, err := h.g.openInputs(h.s)
	if err != nil {
		return err
	}
	var wait sync.WaitGroup
	for _, in := range all.of {
		wait.Go(func() {
			defer h.s.over() // the session ends with the first of its partitions
			if err := h.goka.ConsumeClaim(h.s, in); err != nil {
				h.g.log.Error("a partition is not folded any more", "partition", in.Partition(), "error", err)
			}
		})
	}
	err = all.poll(h.s.Context())
	h.s.over()
	all.client.Close()
	wait.Wait()
	h.g.producer.Forget() // what is left in queues is folded by whoever owns them next
	if ctx.Err() != nil {
		return nil
	}
	return errors.Join(errSessionOver, err)
}

// poll queues what is fetched, until ctx ends or an input cannot be fetched any more.
func (all *inputs) poll(ctx context.Context) error {
	for {
		fetches := all.client.PollFetches(ctx)
		if ctx.Err() != nil {
			return nil
		}
		for _, e := range fetches.Errors() {
			var lost *kgo.ErrDataLoss
			if errors.Is(e.Err, kerr.OffsetOutOfRange) || errors.As(e.Err, &lost) || errors.Is(e.Err, kgo.ErrClientClosed) {
				return fmt.Errorf("fetch %s/%d: %w", e.Topic, e.Partition, e.Err)
			}
			all.g.log.Warn("an input is not fetched, trying again", "partition", e.Partition, "error", e.Err)
		}
		fetches.EachPartition(func(fetched kgo.FetchTopicPartition) {
			if in := all.of[fetched.Partition]; in != nil && len(fetched.Records) > 0 {
				in.end.Store(fetched.HighWatermark)
				all.g.producer.Fetched(len(fetched.Records))
				in.Push(fetched.Records)
				in.ring()
			}
		})
	}
}

// ring signals goka that there is something, unless a signal waits already.
func (in *input) ring() {
	select {
	case in.messages <- &sarama.ConsumerMessage{Topic: in.Queue.Topic, Partition: in.Queue.Partition}:
	default:
	}
}

// run is whatever is there when goka takes a signal; empty when a run before took it.
func (in *input) run() []topology.Record {
	run := in.Cut(runRecords)
	if left, _ := in.State(); left > 0 {
		in.ring()
	}
	return run
}

// What follows is sarama.ConsumerGroupClaim.

// Topic is the group's input.
func (in *input) Topic() string { return in.Queue.Topic }

// Partition is the number of the partition.
func (in *input) Partition() int32 { return in.Queue.Partition }

// InitialOffset is where the session began.
func (in *input) InitialOffset() int64 { return in.from }

// HighWaterMarkOffset is the end of the log at the last fetch.
func (in *input) HighWaterMarkOffset() int64 { return in.end.Load() }

// Messages signal that there is a run.
func (in *input) Messages() <-chan *sarama.ConsumerMessage { return in.messages }
