// parley explain: what became of a command, step by step, as the log tells it.

package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/parley-im/parley/processors"
	"github.com/parley-im/parley/processors/audit"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/topology"
)

func explainCommand() *cobra.Command {
	var path, correlation, output string
	c := &cobra.Command{
		Use:   "explain USER/DEVICE/CLIENT_SEQ | TOPIC/PARTITION@OFFSET",
		Short: "Tell what became of a command: each step with its group, rows and decision, and what the views hold now",
		Long: `Tell what became of a command, or of any record: which group took it, the row before and after, what it decided, where each
record that it said stands in the log, and so on to the inboxes of those who were told, and what the views hold of it now. Times
are the brokers'. Everything is folded again from the log. What is sealed stays sealed.`,
		Example: "  parley explain ann/phone/17\n  parley explain conversation.commands/3@120 --output json\n  parley explain --correlation 0198f2a4-3c1e-7000-8000-000000000001",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 && correlation == "" || len(args) > 0 && correlation != "" {
				return errors.New("name one command as USER/DEVICE/CLIENT_SEQ, one record as TOPIC/PARTITION@OFFSET, or --correlation ID")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			s, err := load(path)
			if err != nil {
				return err
			}
			if s, err = s.withPartitionsOf(c.Context()); err != nil {
				return err
			}
			e := &explaining{history: s.history("explain")}
			var first *topology.Record
			if correlation != "" {
				first, err = e.findCorrelation(c.Context(), correlation)
			} else {
				first, err = e.find(c.Context(), args[0])
			}
			if err != nil {
				return err
			}
			told, err := e.explain(c.Context(), first)
			e.bar.done()
			if err != nil {
				return err
			}
			return render(c.OutOrStdout(), output, told, told.print)
		},
	}
	settingsFlag(c, &path)
	outputFlag(c, &output)
	c.Flags().StringVar(&correlation, "correlation", "", "id of the command, as it stands in the header "+topology.HeaderCorrelation+" of all that came of it")
	return c
}

// explaining reads and folds what a record led to.
type explaining struct{ *history }

// find is the record that an argument names.
func (e *explaining) find(ctx context.Context, what string) (*topology.Record, error) {
	if place, offset, ok := strings.Cut(what, "@"); ok {
		topic, partition, _ := strings.Cut(place, "/")
		p, errP := strconv.ParseInt(partition, 10, 32)
		o, errO := strconv.ParseInt(offset, 10, 64)
		if _, known := e.plan.Topic(topic); !known || errP != nil || errO != nil {
			return nil, fmt.Errorf("%q is no TOPIC/PARTITION@OFFSET of the plan; topics are %s", what, strings.Join(e.topics(), ", "))
		}
		return e.one(ctx, audit.Place{Topic: topic, Partition: int32(p)}, o)
	}
	parts := strings.Split(what, "/")
	if len(parts) != 3 {
		return nil, fmt.Errorf("%q is neither USER/DEVICE/CLIENT_SEQ nor TOPIC/PARTITION@OFFSET", what)
	}
	seq, err := strconv.ParseUint(parts[2], 10, 64)
	if err != nil || seq == 0 {
		return nil, fmt.Errorf("%q is no number of a command: devices count from 1", parts[2])
	}
	return e.findCommand(ctx, parts[0], parts[1], seq)
}

func (e *explaining) topics() []string {
	var names []string
	for _, t := range e.plan.Topics {
		names = append(names, t.Name)
	}
	return names
}

// findCommand looks for the first record of a device's command; later ones are repeats of it.
func (e *explaining) findCommand(ctx context.Context, user, device string, seq uint64) (*topology.Record, error) {
	var found *topology.Record
	m, _ := processors.Machine(e.plan, "outbox")
	at := audit.Place{Topic: m.Group.Input, Partition: topology.PartitionOf(user, e.plan.Partitions)}
	highest := uint64(0)
	err := e.read(ctx, at, -1, -1, func(r *topology.Record) error {
		c := &pb.OutboxCommand{}
		if r.Key != user || c.UnmarshalVT(r.Value) != nil || c.DeviceId != device {
			return nil
		}
		highest = max(highest, c.ClientSeq)
		if c.ClientSeq == seq {
			found = r
			return errEnough
		}
		return nil
	})
	if err == nil && found == nil {
		err = fmt.Errorf("%s/%d holds no command %d of %s/%s (the highest is %d): it never reached the log, or its retention has ended",
			at.Topic, at.Partition, seq, user, device, highest)
	}
	return found, err
}

// findCorrelation looks for the record that brought an id into the house.
func (e *explaining) findCorrelation(ctx context.Context, id string) (*topology.Record, error) {
	want, err := hex.DecodeString(strings.ReplaceAll(id, "-", ""))
	if err != nil || len(want) != len(uuid.UUID{}) {
		return nil, fmt.Errorf("--correlation %s: want a UUID", id)
	}
	for _, t := range e.plan.Topics {
		if !t.IsCommand() {
			continue
		}
		var found *topology.Record
		for p := range e.plan.Partitions {
			if err := e.read(ctx, audit.Place{Topic: t.Name, Partition: p}, -1, -1, func(r *topology.Record) error {
				if bytes.Equal(r.Get(topology.HeaderCorrelation), want) && r.Get(topology.HeaderCause) == nil {
					found = r
					return errEnough
				}
				return nil
			}); err != nil || found != nil {
				return found, err
			}
		}
	}
	return nil, fmt.Errorf("no command in the log has the correlation id %s: it never reached the log, or its retention has ended", id)
}

// outcomes of a step, in one word each.
const (
	wasDropped = "dropped: everything in it was taken before"
	wasSilent  = "taken: nothing is to be said"
)

// decided words what a group made of an input.
func decided(f folded) string {
	if f.after == nil {
		return wasDropped
	}
	if len(f.outputs) == 0 {
		return wasSilent
	}
	for _, o := range f.outputs {
		if o.Topic == topology.DeadLetters {
			l := &pb.DeadLetter{}
			if l.UnmarshalVT(o.Value) == nil {
				return fmt.Sprintf("could not be taken, %s: %s", l.Failing, l.Detail)
			}
		}
		if m, err := processors.Decode(o.Topic, o.Value); err == nil {
			if in, ok := m.(*pb.InboxCommand); ok && in.GetRefused() != nil {
				return "refused: " + in.GetRefused().Reason.String()
			}
		}
	}
	if len(f.outputs) == 1 {
		return "taken: one record is to be said"
	}
	return fmt.Sprintf("taken: %d records are to be said", len(f.outputs))
}
