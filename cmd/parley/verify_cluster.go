// What an auditor asks of the cluster itself: whose log it is, what is done, and where it ends.

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/parley-im/parley/processors/audit"
	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire"
)

// alonePatience is how long a group may still have a member that was killed.
const alonePatience = 15 * time.Second

// watch looks at a cluster.
type watch struct{ admin *kadm.Client }

func (s Settings) watch(context.Context) (*watch, error) {
	admin, err := s.admin()
	if err != nil {
		return nil, err
	}
	return &watch{admin}, nil
}

func (w *watch) close() error {
	w.admin.Close()
	return nil
}

// withPartitionsOf are the settings with the partitions that the topics of the cluster have: whoever only looks need not
// be told.
func (s Settings) withPartitionsOf(ctx context.Context) (Settings, error) {
	w, err := s.watch(ctx)
	if err != nil {
		return s, err
	}
	defer w.close()
	topics := s.plan().Topics
	details, err := w.admin.ListTopics(ctx, topics[0].Name)
	if err != nil {
		return s, fmt.Errorf("ask %s for its topics: start Kafka or correct PARLEY_BROKERS: %w", s.Brokers, err)
	}
	d := details[topics[0].Name]
	if d.Err != nil || len(d.Partitions) == 0 {
		return s, fmt.Errorf("%w: %s does not exist on %s", wire.ErrTopicMissing, topics[0].Name, s.Brokers)
	}
	s.Partitions = int32(len(d.Partitions))
	return s, nil
}

// alone fails when somebody else is in a consumer group: two auditors would each see half.
func (w *watch) alone(ctx context.Context, group string) error {
	for until := time.Now().Add(alonePatience); ; {
		groups, err := w.admin.DescribeGroups(ctx, group)
		if err != nil {
			return fmt.Errorf("ask for the consumer group %s: %w", group, err)
		}
		members := groups[group].Members
		if len(members) == 0 {
			return nil
		}
		if time.Now().After(until) {
			return fmt.Errorf("another auditor is at work, on %s: stop it, or look at its /metrics instead", members[0].ClientHost)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

// auditFormat rises when what an auditor remembers is written otherwise: older folders are then begun anew.
const auditFormat = 3

// identity names the log: topics that are deleted and made again are others.
func (w *watch) identity(ctx context.Context, plan topology.Plan) (string, error) {
	names := topicsAndTables(plan)
	details, err := w.admin.ListTopics(ctx, names...)
	if err != nil {
		return "", fmt.Errorf("ask for the topics: %w", err)
	}
	id := []string{fmt.Sprintf("format %d, epoch %d", auditFormat, plan.Epoch)}
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

// begins are the oldest offsets of topics.
func (w *watch) begins(ctx context.Context, topics []string) (map[audit.Place]int64, error) {
	return offsetsOf(w.admin.ListStartOffsets(ctx, topics...))
}

// endsOf are the offsets at which topics end.
func (w *watch) endsOf(ctx context.Context, topics []string) (map[audit.Place]int64, error) {
	return offsetsOf(w.admin.ListEndOffsets(ctx, topics...))
}

func offsetsOf(listed kadm.ListedOffsets, err error) (map[audit.Place]int64, error) {
	if err = errors.Join(err, listed.Error()); err != nil {
		return nil, fmt.Errorf("ask for offsets: %w", err)
	}
	offsets := map[audit.Place]int64{}
	listed.Each(func(l kadm.ListedOffset) { offsets[audit.Place{Topic: l.Topic, Partition: l.Partition}] = l.Offset })
	return offsets, nil
}

// horizon asks for commits, then for ends, then for ends again, up to which everything is to be read: see audit.Horizon.
func (w *watch) horizon(ctx context.Context, plan topology.Plan, topics []string) (h audit.Horizon, ends map[audit.Place]int64, err error) {
	h.Commits = map[string][]int64{}
	for _, g := range plan.Groups {
		commits, err := w.admin.FetchOffsets(ctx, plan.Consumer(g.Name))
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
	if h.Ends, err = w.endsOf(ctx, topics); err != nil {
		return h, nil, err
	}
	ends, err = w.endsOf(ctx, topics)
	return h, ends, err
}
