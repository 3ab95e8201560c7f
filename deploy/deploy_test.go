// One story of a cluster, told to an in-process Kafka and to a real one: empty, made, changed by hand, mended, and
// everything that must be refused on the way.

package deploy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

	"github.com/parley-im/parley/test/servers"
	"github.com/parley-im/parley/topology"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

func TestOnKfake(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.ClusterID("kfake-of-deploy"))
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	tellTheStory(t, cluster.ListenAddrs())
}

func TestOnRealKafka(t *testing.T) {
	tellTheStory(t, servers.Kafka(t, servers.Own()).Brokers)
}

// With three brokers the plan stands as it is: three replicas, two in sync.
func TestThreeBrokers(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(3))
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	admin := connect(t, cluster.ListenAddrs())
	_, err = Apply(t.Context(), admin, topology.House(), Options{})
	require.NoError(t, err)
	d, err := Diff(t.Context(), admin, topology.House(), Options{})
	require.NoError(t, err)
	require.False(t, d.Drift(), d)
}

func connect(t *testing.T, addrs []string) *kadm.Client {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(addrs...))
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return kadm.NewClient(client)
}

// smallHouse is the house with few partitions, so that a real broker makes it in seconds.
func smallHouse() topology.Plan {
	p := topology.House()
	p.Partitions = 2
	return p
}

// one is how a cluster of one broker is asked.
var one = Options{Replication: 1}

func tellTheStory(t *testing.T, addrs []string) {
	s := &story{t: t, admin: connect(t, addrs), plan: smallHouse()}
	t.Run("an empty cluster lacks everything", s.empty)
	t.Run("more replicas than brokers are refused", s.tooManyReplicas)
	t.Run("another cluster is not touched", s.wrongCluster)
	t.Run("a plan that breaks its laws is refused", s.unlawful)
	t.Run("apply makes it, a second diff is empty", s.made)
	t.Run("a setting changed by hand is found and mended", s.mended)
	t.Run("a setting that is right only by default is drift", s.default_)
	t.Run("what would lose records is refused until allowed", s.loss)
	t.Run("a keyed topic is neither grown nor shrunk", s.neverGrown)
	t.Run("another number of replicas is refused", s.replicas)
	t.Run("what is not ours is told and left alone", s.foreign)
	t.Run("a topic that was deleted is made again", s.remade)
	t.Run("two may apply at once", s.twoAtOnce)
}

type story struct {
	t     *testing.T
	admin *kadm.Client
	plan  topology.Plan
}

func (s *story) diff(t *testing.T, opts Options) Difference {
	t.Helper()
	d, err := Diff(t.Context(), s.admin, s.plan, opts)
	require.NoError(t, err)
	return d
}

// mustBeTheSame waits a while: a broker hears of a change from the controller a moment after it was made.
func (s *story) mustBeTheSame(t *testing.T) {
	t.Helper()
	var d Difference
	defer func() {
		if t.Failed() {
			t.Log(d)
		}
	}()
	until(t, func() bool { d = s.diff(t, one); return !d.Drift() && len(d.Leaderless) == 0 })
}

// until looks again and again on the test's own goroutine, so that a look that fails the test ends it at once, with its
// own words: testify's Eventually looks on another one and only ever says that time is up.
func until(t *testing.T, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(DefaultWait); !holds(); time.Sleep(waitPause) {
		require.True(t, time.Now().Before(end), "not so after %s", DefaultWait)
	}
}

// byHand changes a setting as an operator with Kafka's own tools would.
func (s *story) byHand(t *testing.T, topic string, op kadm.IncrementalOp, key, value string) {
	t.Helper()
	response, err := s.admin.AlterTopicConfigs(t.Context(), []kadm.AlterConfig{{Op: op, Name: key, Value: &value}}, topic)
	require.NoError(t, err)
	require.NoError(t, response[0].Err)
	until(t, func() bool { // a broker hears of it from the controller a moment later
		shown, err := s.admin.DescribeTopicConfigs(t.Context(), topic)
		require.NoError(t, err)
		for _, c := range shown[0].Configs {
			if c.Key == key {
				set := c.Source == kmsg.ConfigSourceDynamicTopicConfig
				return op == kadm.DeleteConfig && !set || op == kadm.SetConfig && set && c.MaybeValue() == value
			}
		}
		return op == kadm.DeleteConfig
	})
}

func (s *story) empty(t *testing.T) {
	d := s.diff(t, one)
	require.True(t, d.Drift())
	require.Equal(t, Desired(s.plan, one), d.Missing)
	require.NotEmpty(t, d.ClusterID)
	require.Equal(t, 1, d.Brokers)
}

func (s *story) tooManyReplicas(t *testing.T) {
	_, err := Apply(t.Context(), s.admin, s.plan, Options{})
	require.ErrorIs(t, err, ErrRefused)
	require.ErrorContains(t, err, "outbox.commands needs 3 replicas, the cluster has 1 broker:")
	require.Len(t, s.diff(t, one).Missing, len(Desired(s.plan, one)), "something was made all the same")
}

func (s *story) wrongCluster(t *testing.T) {
	wrong := Options{Replication: 1, ClusterID: "production"}
	_, err := Diff(t.Context(), s.admin, s.plan, wrong)
	require.ErrorIs(t, err, ErrWrongCluster)
	_, err = Apply(t.Context(), s.admin, s.plan, wrong)
	require.ErrorIs(t, err, ErrWrongCluster)
	require.Len(t, s.diff(t, one).Missing, len(Desired(s.plan, one)), "something was made all the same")
}

func (s *story) unlawful(t *testing.T) {
	p := smallHouse()
	p.Partitions = 3
	_, err := Apply(t.Context(), s.admin, p, one)
	require.ErrorIs(t, err, ErrRefused)
	require.ErrorContains(t, err, "choose a power of two")
	require.Len(t, s.diff(t, one).Missing, len(Desired(s.plan, one)), "something was made all the same")
}

func (s *story) made(t *testing.T) {
	opts := Options{Replication: 1, ClusterID: s.diff(t, one).ClusterID}
	found, err := Apply(t.Context(), s.admin, s.plan, opts)
	require.NoError(t, err)
	require.Len(t, found.Missing, len(s.plan.Topics)+len(s.plan.Groups))
	s.mustBeTheSame(t)
	again, err := Apply(t.Context(), s.admin, s.plan, opts)
	require.NoError(t, err)
	require.False(t, again.Drift(), "%s", again)
}

func (s *story) mended(t *testing.T) {
	table := s.plan.Table("inbox")
	s.byHand(t, "inbox.events", kadm.SetConfig, "retention.ms", "3600000")
	s.byHand(t, table, kadm.SetConfig, "cleanup.policy", "delete")
	d := s.diff(t, one)
	require.True(t, d.Drift())
	require.Len(t, d.Settings, 2)
	require.Equal(t, "inbox.events retention.ms 3600000 -> 1209600000", change(d.Settings[0]))
	require.Equal(t, table+" cleanup.policy delete -> compact", change(d.Settings[1]))
	_, err := Apply(t.Context(), s.admin, s.plan, one)
	require.NoError(t, err)
	s.mustBeTheSame(t)
}

func change(c SettingChange) string {
	return fmt.Sprintf("%s %s %s -> %s", c.Topic, c.Key, c.Have, c.Want)
}

// A value may be deleted from a topic and be right by the broker's default, until somebody changes that.
func (s *story) default_(t *testing.T) {
	s.byHand(t, "inbox.events", kadm.DeleteConfig, "compression.type", "")
	d := s.diff(t, one)
	require.Len(t, d.Settings, 1)
	require.Equal(t, "inbox.events compression.type producer -> producer", change(d.Settings[0]))
	require.Contains(t, d.String(), "producer (by default) -> producer")
	_, err := Apply(t.Context(), s.admin, s.plan, one)
	require.NoError(t, err)
	s.mustBeTheSame(t)
}

func (s *story) loss(t *testing.T) {
	for _, longer := range []string{"-1", "2419200000"} {
		s.byHand(t, "inbox.events", kadm.SetConfig, "retention.ms", longer)
		s.byHand(t, "inbox.commands", kadm.SetConfig, "segment.ms", "3600000") // harmless, and must wait too
		_, err := Apply(t.Context(), s.admin, s.plan, one)
		require.ErrorIs(t, err, ErrRefused)
		require.ErrorContains(t, err, "retention.ms from "+longer+" to 1209600000 makes Kafka drop records")
		require.Len(t, s.diff(t, one).Settings, 2, "something was altered all the same")
		require.Contains(t, s.diff(t, one).String(), "RECORDS WOULD BE LOST")
		allowed := one
		allowed.AllowLoss = true
		_, err = Apply(t.Context(), s.admin, s.plan, allowed)
		require.NoError(t, err)
		s.mustBeTheSame(t)
	}
}

func (s *story) neverGrown(t *testing.T) {
	for _, other := range []int32{1, 4} {
		p := smallHouse()
		p.Partitions = other
		found, err := Apply(t.Context(), s.admin, p, one)
		require.ErrorIs(t, err, ErrRefused)
		require.ErrorContains(t, err, fmt.Sprintf("inbox.events has 2 partitions, the plan says %d", other))
		require.Len(t, found.Partitions, len(Desired(p, one)))
		require.True(t, found.Drift())
		s.mustBeTheSame(t)
	}
}

func (s *story) replicas(t *testing.T) {
	two := Options{Replication: 2}
	d := s.diff(t, two)
	require.Len(t, d.Replication, len(Desired(s.plan, two)))
	_, err := Apply(t.Context(), s.admin, s.plan, two)
	require.ErrorIs(t, err, ErrRefused)
	require.ErrorContains(t, err, "inbox.events has 1 replica, the plan says 2")
	s.mustBeTheSame(t)
}

func (s *story) foreign(t *testing.T) {
	_, err := s.admin.CreateTopic(t.Context(), 1, 1, nil, "somebody.elses")
	require.NoError(t, err)
	s.byHand(t, "inbox.events", kadm.SetConfig, "flush.ms", "1000")
	until(t, func() bool { return len(s.diff(t, one).Extra) == 1 })
	_, err = Apply(t.Context(), s.admin, s.plan, one)
	require.NoError(t, err)
	d := s.diff(t, one)
	require.Equal(t, []string{"somebody.elses"}, d.Extra)
	require.Equal(t, []Foreign{{"inbox.events", "flush.ms", "1000"}}, d.Foreign)
	require.False(t, d.Drift(), "what is not ours is no drift")
}

func (s *story) remade(t *testing.T) {
	_, err := s.admin.DeleteTopic(t.Context(), "bookmark.events")
	require.NoError(t, err)
	until(t, func() bool {
		d := s.diff(t, one)
		return len(d.Missing) == 1 && d.Missing[0].Name == "bookmark.events"
	})
	_, err = Apply(t.Context(), s.admin, s.plan, one)
	require.NoError(t, err)
	s.mustBeTheSame(t)
}

func (s *story) twoAtOnce(t *testing.T) {
	names := []string{"inbox.events", "outbox.commands", s.plan.Table("outbox")}
	_, err := s.admin.DeleteTopics(t.Context(), names...)
	require.NoError(t, err)
	until(t, func() bool { return len(s.diff(t, one).Missing) == len(names) })
	results := make(chan error)
	for range 2 {
		go func() {
			_, err := Apply(context.WithoutCancel(t.Context()), s.admin, s.plan, one)
			results <- err
		}()
	}
	require.NoError(t, errors.Join(<-results, <-results))
	s.mustBeTheSame(t)
}

// A cluster that never gets there ends the wait with what is left.
func TestApplyDoesNotWaitForEver(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	admin := connect(t, cluster.ListenAddrs())
	_, err = Apply(t.Context(), admin, smallHouse(), one)
	require.NoError(t, err)
	err = await(t.Context(), admin, topology.House(), Options{Replication: 1, Wait: 2 * waitPause})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "outbox.commands            has 2 partitions, the plan says 64")
}

func TestReplicasOfSmallClusters(t *testing.T) {
	for replication, inSync := range map[int16]int16{0: 2, 1: 1, 2: 1, 3: 2, 5: 2} {
		_, got := copies(topology.House(), Options{Replication: replication})
		require.Equal(t, inSync, got, "replication %d", replication)
	}
}

// No setting stands twice on a topic, and each says why.
func TestSettingsAreSaidOnce(t *testing.T) {
	for _, spec := range Desired(topology.House(), Options{}) {
		var keys []string
		for _, setting := range spec.Settings {
			require.NotEmpty(t, setting.Why, "%s of %s", setting.Key, spec.Name)
			keys = append(keys, setting.Key)
		}
		slices.Sort(keys)
		require.Len(t, slices.Compact(slices.Clone(keys)), len(keys), "%s: %v", spec.Name, keys)
	}
}
