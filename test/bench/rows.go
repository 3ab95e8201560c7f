// Tables that are full before anybody reads them: a million people and conversations, each with the rows that the folds
// make, written to the groups' changelogs as a deployment would have left them.
//
// The rows of one pair are folded for each of the people who talk; those of the others differ from them in a name of the
// same length. Their positions are taken back to the beginning, because the inputs in this log begin there.

package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/parley-im/parley/schemas/name"
	"github.com/parley-im/parley/test/walk"
	"github.com/parley-im/parley/topology"
)

const (
	talkers      = 100       // people who talk
	firstPartner = 1_000_000 // numbers of those whom they talk to have seven digits and stand behind a hyphen: see partner
	maxPartners  = 9_000_000
)

// crowd are people with conversations: each talker has an equal share of partners, and one conversation with each.
type crowd struct {
	tag   string // begins everybody's name
	users int    // partners, and as many conversations
}

// share is how many partners a talker has.
func (c crowd) share() int { return max(1, c.users/talkers) }

// partner is the number of a talker's partner in imload's counting, where a number follows the tag and a hyphen. It is
// negative, so that every partner's name stands before every talker's in the alphabet: rows of one pair are like another's.
func (c crowd) partner(talker int, which uint64) int {
	return -(firstPartner + talker*c.share() + int(which%uint64(c.share())))
}

func (c crowd) name(number int) string { return fmt.Sprintf("%s-%d", c.tag, number) }

// templates are the rows of one pair by group: the conversation's, and the partner's own.
func templates(plan topology.Plan, talker, partner string) (map[string][]byte, error) {
	h := walk.New(plan)
	ann, bob := h.Device(talker, "load"), h.Device(partner, "load")
	ann.CreateAccount()
	bob.CreateAccount()
	chat := ann.OpenDirect(partner)
	h.Run()
	found := map[string][]byte{}
	for group, key := range map[string]string{"conversation": chat, "inbox": partner, "outbox": partner, "account": partner} {
		row := h.Row(group, key)
		if row == nil {
			return nil, fmt.Errorf("the fold of %s left no row of %s", group, key)
		}
		row.Through, row.TimeMs, row.Sources = 0, 0, nil
		b, err := row.MarshalVT()
		if err != nil {
			return nil, err
		}
		found[group] = b
	}
	return found, nil
}

// fill writes the rows of these groups to their changelogs, and says how many bytes they have.
func (c crowd) fill(ctx context.Context, broker string, plan topology.Plan, groups ...string) (written int64, err error) {
	if c.users > maxPartners {
		return 0, fmt.Errorf("%d users: at most %d have names of the same length", c.users, maxPartners)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(broker), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		return 0, err
	}
	defer client.Close()
	show, done := progress(fmt.Sprintf("rows of %d people", c.users), int64(c.users))
	defer done()
	failed := make(chan error, 1)
	acked := func(_ *kgo.Record, err error) {
		if err != nil {
			select {
			case failed <- err:
			default:
			}
		}
	}
	generation := []kgo.RecordHeader{{Key: topology.HeaderGeneration, Value: binary.BigEndian.AppendUint64(nil, 0)}}
	for talker := range talkers {
		first := c.name(c.partner(talker, 0))
		like, err := templates(plan, c.name(2*talker), first)
		if err != nil {
			return 0, err
		}
		for which := range c.share() {
			partner := c.name(c.partner(talker, uint64(which)))
			for _, group := range groups {
				key, row := partner, bytes.ReplaceAll(like[group], []byte(first), []byte(partner))
				if group == sequencer {
					key = name.Direct(c.name(2*talker), partner)
				}
				written += int64(len(key) + len(row))
				client.Produce(ctx, &kgo.Record{Topic: plan.Table(group), Partition: topology.PartitionOf(key, plan.Partitions),
					Key: []byte(key), Value: row, Headers: generation}, acked)
			}
			show(int64(talker*c.share() + which))
		}
	}
	if err := client.Flush(ctx); err != nil {
		return 0, err
	}
	select {
	case err := <-failed:
		return 0, err
	default:
		return written, nil
	}
}
