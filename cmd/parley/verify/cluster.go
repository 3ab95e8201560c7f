// What the auditor asks of the cluster: whose log it is, whether another auditor runs, and how far the log and its processors are.

package verify

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/parley-im/parley/cmd/parley/kafka"
	"github.com/parley-im/parley/processors/audit"
	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire"
)

// deadMemberTimeout is how long a group may still list a member that was killed.
const deadMemberTimeout = 15 * time.Second

// stateFormat rises when the format of the auditor's folder changes: older folders are then begun anew.
const stateFormat = 3

// alone fails when another auditor is in the consumer group: each of the two would see half.
func alone(ctx context.Context, admin *kadm.Client, group string) error {
	for until := time.Now().Add(deadMemberTimeout); ; {
		groups, err := admin.DescribeGroups(ctx, group)
		if err != nil {
			return fmt.Errorf("ask for the consumer group %s: %w", group, err)
		}
		members := groups[group].Members
		if len(members) == 0 {
			return nil
		}
		if time.Now().After(until) {
			return fmt.Errorf("another auditor is running on %s: stop it, or read its /metrics instead", members[0].ClientHost)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

// identity names the log: topics that are deleted and created again have other ids.
func identity(ctx context.Context, admin *kadm.Client, plan topology.Plan) (string, error) {
	names := topicsAndTables(plan)
	details, err := admin.ListTopics(ctx, names...)
	if err != nil {
		return "", fmt.Errorf("ask for the topics: %w", err)
	}
	id := []string{fmt.Sprintf("format %d, epoch %d", stateFormat, plan.Epoch)}
	for _, n := range names {
		d := details[n]
		if d.Err != nil || len(d.Partitions) != int(plan.Partitions) {
			return "", fmt.Errorf("%w: %s has %d partitions, want %d", wire.ErrTopicMissing, n, len(d.Partitions), plan.Partitions)
		}
		id = append(id, n+" "+d.ID.String())
	}
	return strings.Join(id, "\n"), nil
}

func topicsAndTables(plan topology.Plan) []string {
	var names []string
	for _, t := range plan.Topics {
		names = append(names, t.Name)
	}
	for _, g := range plan.Groups {
		names = append(names, plan.Table(g.Name))
	}
	return names
}

// horizon asks for commits, then for ends, then for ends again, up to which everything is to be read: see audit.Horizon.
func horizon(ctx context.Context, admin *kadm.Client, plan topology.Plan, topics []string) (h audit.Horizon, ends map[topology.TopicPartition]int64, err error) {
	h.Commits = map[string][]int64{}
	for _, g := range plan.Groups {
		commits, err := admin.FetchOffsets(ctx, plan.Consumer(g.Name))
		if err = errors.Join(err, commits.Error()); err != nil {
			return h, nil, fmt.Errorf("ask for the commits of %s: %w", g.Name, err)
		}
		done := make([]int64, plan.Partitions)
		for p := range done {
			if o, ok := commits.Lookup(g.Input, int32(p)); ok {
				done[p] = max(o.At, 0)
			}
		}
		h.Commits[g.Name] = done
	}
	if h.Ends, err = kafka.Ends(ctx, admin, topics); err != nil {
		return h, nil, err
	}
	ends, err = kafka.Ends(ctx, admin, topics)
	return h, ends, err
}
