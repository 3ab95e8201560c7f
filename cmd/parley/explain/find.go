// Finding the record that an argument names.

package explain

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/parley-im/parley/cmd/parley/replay"
	"github.com/parley-im/parley/processors"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/topology"
)

// find is the record that an argument names, as TOPIC/PARTITION@OFFSET or USER/DEVICE/CLIENT_SEQ.
func find(ctx context.Context, log *replay.Log, what string) (*topology.Record, error) {
	if partition, offset, ok := strings.Cut(what, "@"); ok {
		topic, number, _ := strings.Cut(partition, "/")
		p, errP := strconv.ParseInt(number, 10, 32)
		o, errO := strconv.ParseInt(offset, 10, 64)
		if _, known := log.Plan.Topic(topic); !known || errP != nil || errO != nil {
			return nil, fmt.Errorf("%q is no TOPIC/PARTITION@OFFSET of the plan; topics are %s", what, strings.Join(topics(log.Plan), ", "))
		}
		return log.One(ctx, topology.TopicPartition{Topic: topic, Partition: int32(p)}, o)
	}
	parts := strings.Split(what, "/")
	if len(parts) != 3 {
		return nil, fmt.Errorf("%q is neither USER/DEVICE/CLIENT_SEQ nor TOPIC/PARTITION@OFFSET", what)
	}
	seq, err := strconv.ParseUint(parts[2], 10, 64)
	if err != nil || seq == 0 {
		return nil, fmt.Errorf("%q is no number of a command: devices count from 1", parts[2])
	}
	return findCommand(ctx, log, parts[0], parts[1], seq)
}

func topics(plan topology.Plan) []string {
	var names []string
	for _, t := range plan.Topics {
		names = append(names, t.Name)
	}
	return names
}

// findCommand finds the first record of a device's command; later ones repeat it.
func findCommand(ctx context.Context, log *replay.Log, user, device string, seq uint64) (*topology.Record, error) {
	var found *topology.Record
	m, _ := processors.Machine(log.Plan, "outbox")
	at := topology.TopicPartition{Topic: m.Group.Input, Partition: topology.PartitionOf(user, log.Plan.Partitions)}
	highest := uint64(0)
	err := log.Read(ctx, at, -1, -1, func(r *topology.Record) error {
		c := &pb.OutboxCommand{}
		if r.Key != user || c.UnmarshalVT(r.Value) != nil || c.DeviceId != device {
			return nil
		}
		highest = max(highest, c.ClientSeq)
		if c.ClientSeq == seq {
			found = r
			return replay.ErrStop
		}
		return nil
	})
	if err == nil && found == nil {
		err = fmt.Errorf("%s/%d holds no command %d of %s/%s (the highest is %d): it never reached the log, or retention has deleted it",
			at.Topic, at.Partition, seq, user, device, highest)
	}
	return found, err
}

// findCorrelation finds the record with which a correlation id entered the log.
func findCorrelation(ctx context.Context, log *replay.Log, id string) (*topology.Record, error) {
	want, err := hex.DecodeString(strings.ReplaceAll(id, "-", ""))
	if err != nil || len(want) != len(uuid.UUID{}) {
		return nil, fmt.Errorf("--correlation %s: want a UUID", id)
	}
	for _, t := range log.Plan.Topics {
		if !t.IsCommand() {
			continue
		}
		var found *topology.Record
		for p := range log.Plan.Partitions {
			if err := log.Read(ctx, topology.TopicPartition{Topic: t.Name, Partition: p}, -1, -1, func(r *topology.Record) error {
				if bytes.Equal(r.Get(topology.HeaderCorrelation), want) && r.Get(topology.HeaderCause) == nil {
					found = r
					return replay.ErrStop
				}
				return nil
			}); err != nil || found != nil {
				return found, err
			}
		}
	}
	return nil, fmt.Errorf("no command in the log has the correlation id %s: it never reached the log, or retention has deleted it", id)
}
