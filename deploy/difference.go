// What a live cluster lacks or has otherwise than the plan says.

package deploy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/parley-im/parley/topology"
)

// ErrWrongCluster says that another cluster answered than the one that was named.
var ErrWrongCluster = errors.New("this is another cluster")

// Difference is what stands between a cluster and the plan. Slices are in the order of the plan.
type Difference struct {
	ClusterID   string          `json:"cluster_id"`
	Brokers     int             `json:"brokers"`
	Missing     []TopicSpec     `json:"missing"`     // created by Apply
	Settings    []SettingChange `json:"settings"`    // altered by Apply
	Partitions  []CountMismatch `json:"partitions"`  // refused by Apply
	Replication []CountMismatch `json:"replication"` // refused by Apply
	Leaderless  []string        `json:"leaderless"`  // topics with a partition that nobody leads now
	Foreign     []Foreign       `json:"foreign"`     // settings of our topics that the plan does not own; reported only
	Extra       []string        `json:"extra"`       // topics that the plan does not know; reported only
}

// SettingChange is a setting with another value than it must have.
type SettingChange struct {
	Topic string `json:"topic"`
	Key   string `json:"key"`
	Have  string `json:"have"`
	Want  string `json:"want"`
	Why   string `json:"why"`
	Loses bool   `json:"loses"` // once changed, Kafka drops records that it keeps now
}

// CountMismatch is a topic with another number of partitions or replicas than it must have.
type CountMismatch struct {
	Topic string `json:"topic"`
	Have  int    `json:"have"`
	Want  int    `json:"want"`
}

// Foreign is a setting that somebody set on one of our topics, and the plan says nothing about.
type Foreign struct {
	Topic string `json:"topic"`
	Key   string `json:"key"`
	Value string `json:"value"`
}

// Drift reports whether the cluster is not as the plan says. Extra topics, foreign settings and a missing leader are
// told, but are no drift: no change of topics would mend them.
func (d Difference) Drift() bool {
	return len(d.Missing)+len(d.Settings)+len(d.Partitions)+len(d.Replication) > 0
}

// Diff compares a cluster with the plan. It changes nothing.
func Diff(ctx context.Context, admin *kadm.Client, p topology.Plan, opts Options) (Difference, error) {
	// kadm answers from a cache of seconds, where deleted topics live on; asking for rights too makes it ask a broker.
	live, err := admin.Metadata(kadm.WithAuthorizedOps(ctx))
	if err != nil {
		return Difference{}, fmt.Errorf("ask Kafka for its topics (is the address right, and the broker up?): %w", err)
	}
	if opts.ClusterID != "" && live.Cluster != opts.ClusterID {
		return Difference{}, fmt.Errorf("%w: its id is %s, expected %s; check the address, or name this id if it is the one you mean",
			ErrWrongCluster, live.Cluster, opts.ClusterID)
	}
	d := Difference{ClusterID: live.Cluster, Brokers: len(live.Brokers)}
	desired := Desired(p, opts)
	var present []TopicSpec
	for _, spec := range desired {
		there, err := d.compareShape(spec, live.Topics)
		if err != nil {
			return Difference{}, err
		}
		if there {
			present = append(present, spec)
		}
	}
	if err := d.compareSettings(ctx, admin, present); err != nil {
		return Difference{}, err
	}
	slices.SortFunc(d.Missing, func(a, b TopicSpec) int { return order(desired, a) - order(desired, b) })
	for name, t := range live.Topics {
		known := slices.ContainsFunc(desired, func(s TopicSpec) bool { return s.Name == name })
		if !known && !t.IsInternal {
			d.Extra = append(d.Extra, name)
		}
	}
	slices.Sort(d.Extra)
	return d, nil
}

// order is the place of a topic in the plan.
func order(desired []TopicSpec, spec TopicSpec) int {
	return slices.IndexFunc(desired, func(s TopicSpec) bool { return s.Name == spec.Name })
}

// compareShape compares partitions and replicas, and reports whether the topic is there.
func (d *Difference) compareShape(spec TopicSpec, live kadm.TopicDetails) (bool, error) {
	t, ok := live[spec.Name]
	if !ok || errors.Is(t.Err, kerr.UnknownTopicOrPartition) {
		d.Missing = append(d.Missing, spec)
		return false, nil
	}
	if t.Err != nil {
		return false, fmt.Errorf("look at topic %s (may this user describe it?): %w", spec.Name, t.Err)
	}
	if have := len(t.Partitions); have != int(spec.Partitions) {
		d.Partitions = append(d.Partitions, CountMismatch{spec.Name, have, int(spec.Partitions)})
	}
	leaderless := false
	replicas := int(spec.Replication)
	for _, partition := range t.Partitions.Sorted() {
		leaderless = leaderless || partition.Leader < 0
		if have := len(partition.Replicas); have != int(spec.Replication) {
			replicas = have
		}
	}
	if replicas != int(spec.Replication) {
		d.Replication = append(d.Replication, CountMismatch{spec.Name, replicas, int(spec.Replication)})
	}
	if leaderless {
		d.Leaderless = append(d.Leaderless, spec.Name)
	}
	return true, nil
}

// compareSettings compares every setting that the plan owns, whether it was set on the topic or comes from the broker:
// a broker's default may change behind our back.
func (d *Difference) compareSettings(ctx context.Context, admin *kadm.Client, specs []TopicSpec) error {
	names := make([]string, len(specs))
	for i, spec := range specs {
		names[i] = spec.Name
	}
	live, err := admin.DescribeTopicConfigs(ctx, names...)
	if err != nil {
		return fmt.Errorf("ask Kafka for the settings of topics (may this user describe them?): %w", err)
	}
	for _, spec := range specs {
		resource, err := live.On(spec.Name, nil)
		if err == nil {
			err = resource.Err
		}
		if errors.Is(err, kerr.UnknownTopicOrPartition) { // deleted since it was listed, or too new for this broker
			d.Missing = append(d.Missing, spec)
			continue
		}
		if err != nil {
			return fmt.Errorf("settings of topic %s: %w", spec.Name, err)
		}
		have := map[string]kadm.Config{}
		for _, c := range resource.Configs {
			have[c.Key] = c
		}
		d.compareTopic(spec, have)
		for _, c := range resource.Configs { // in the broker's order, sorted below
			if c.Source == kmsg.ConfigSourceDynamicTopicConfig && spec.Get(c.Key) == "" {
				d.Foreign = append(d.Foreign, Foreign{spec.Name, c.Key, c.MaybeValue()})
			}
		}
	}
	slices.SortFunc(d.Foreign, func(a, b Foreign) int {
		return slices.Compare([]string{a.Topic, a.Key}, []string{b.Topic, b.Key})
	})
	return nil
}

// compareTopic compares the settings of one topic.
func (d *Difference) compareTopic(spec TopicSpec, have map[string]kadm.Config) {
	for _, want := range spec.Settings {
		c, ok := have[want.Key]
		if ok && c.MaybeValue() == want.Value && isSetOnTopic(c) {
			continue
		}
		value := c.MaybeValue()
		d.Settings = append(d.Settings, SettingChange{spec.Name, want.Key, value, want.Value, want.Why, loses(spec, want.Key, value)})
	}
}

// isSetOnTopic reports whether a setting stands on the topic itself. A value that is right only by the broker's default
// is drift too: the next change of that default would be ours.
func isSetOnTopic(c kadm.Config) bool { return c.Source == kmsg.ConfigSourceDynamicTopicConfig }

// loses reports whether Kafka drops records, once a setting has changed from have to what the spec wants.
func loses(spec TopicSpec, key, have string) bool {
	switch key {
	case "retention.ms":
		want, _ := strconv.ParseInt(spec.Get(key), 10, 64)
		now, err := strconv.ParseInt(have, 10, 64)
		return want >= 0 && (err != nil || now < 0 || now > want)
	case "cleanup.policy": // what was compacted was kept for ever, whatever its retention said
		return have == "compact" && spec.Get("retention.ms") != "-1"
	}
	return false
}
