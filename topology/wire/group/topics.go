// Questions to the brokers about topics: whether they exist, of which size, and which incarnation of a name they are.
//
// It creates none. Topics are the deploy package's; goka's own topic manager would create them with settings of its own.

package group

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/IBM/sarama"
	"github.com/lovoo/goka"

	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire/cluster"
	"github.com/parley-im/parley/topology/wire/store"
)

// unknownID is what brokers answer that have no ids.
const unknownID = "00000000000000000000000000000000"

// describeTopics asks for topics by name and checks that they exist with the plan's partitions.
func (g *group) describeTopics(names []string) (map[string]*sarama.TopicMetadata, error) {
	var answer []*sarama.TopicMetadata
	err := g.ask(g.client.Controller, g.client.RefreshController, func() (err error) {
		answer, err = g.admin.DescribeTopics(names)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("ask for the topics: %w", err)
	}
	found := make(map[string]*sarama.TopicMetadata, len(answer))
	for _, t := range answer {
		switch {
		case errors.Is(t.Err, sarama.ErrUnknownTopicOrPartition):
			return nil, fmt.Errorf("%w: %s does not exist", cluster.ErrTopicMissing, t.Name)
		case t.Err != sarama.ErrNoError && len(t.Partitions) == 0:
			return nil, fmt.Errorf("ask for the topic %s: %w", t.Name, t.Err)
		case len(t.Partitions) != int(g.plan.Partitions):
			return nil, fmt.Errorf("%w: %s has %d partitions, the plan says %d", cluster.ErrTopicMissing, t.Name, len(t.Partitions), g.plan.Partitions)
		}
		found[t.Name] = t
	}
	for _, n := range names {
		if found[n] == nil {
			return nil, fmt.Errorf("%w: %s does not exist", cluster.ErrTopicMissing, n)
		}
	}
	return found, nil
}

// ask asks a broker something, and once more over a new connection when the one it had is broken: sarama keeps a broken
// connection until it is closed, and would answer "broken pipe" from then on.
func (g *group) ask(broker, refreshed func() (*sarama.Broker, error), question func() error) error {
	err := question()
	var answer sarama.KError
	if err == nil || errors.As(err, &answer) {
		return err
	}
	if b, e := broker(); e == nil {
		_ = b.Close()
	}
	_, _ = refreshed()
	return question()
}

// askGroup asks the group's coordinator where the group stands.
func (g *group) askGroup(partitions []int32) (offsets *sarama.OffsetFetchResponse, err error) {
	coordinator := func() (*sarama.Broker, error) { return g.client.Coordinator(g.name) }
	refreshed := func() (*sarama.Broker, error) { return nil, g.client.RefreshCoordinator(g.name) }
	err = g.ask(coordinator, refreshed, func() (err error) {
		offsets, err = g.admin.ListConsumerGroupOffsets(g.name, map[string][]int32{g.input: partitions})
		return err
	})
	return offsets, err
}

// findTopics checks every topic of the group and notes the ids of its input and table.
func (g *group) findTopics() error {
	names := append([]string{g.input, g.table, topology.DeadLetters}, g.machine.Group.Output...)
	slices.Sort(names)
	found, err := g.describeTopics(slices.Compact(names))
	if err != nil {
		return err
	}
	g.ids = store.IDs{Input: topicID(found[g.input]), Table: topicID(found[g.table])}
	if g.ids.Input == unknownID || g.ids.Table == unknownID {
		g.log.Warn("the brokers have no topic ids: a topic that is created again will not be noticed")
	}
	return nil
}

func topicID(t *sarama.TopicMetadata) string { return hexID(t.Uuid) }

func hexID(id [16]byte) string { return hex.EncodeToString(id[:]) }

// topicManager implements goka.TopicManager over the group's client, and creates nothing.
type topicManager struct{ g *group }

// buildTopicManager is goka's hook for topics.
func (g *group) buildTopicManager([]string) (goka.TopicManager, error) { return topicManager{g}, nil }

// EnsureTableExists finds the table or fails.
func (m topicManager) EnsureTableExists(topic string, _ int) error { return m.exists(topic) }

// EnsureStreamExists finds the stream or fails.
func (m topicManager) EnsureStreamExists(topic string, _ int) error { return m.exists(topic) }

// EnsureTopicExists finds the topic or fails.
func (m topicManager) EnsureTopicExists(topic string, _, _ int, _ map[string]string) error {
	return m.exists(topic)
}

func (m topicManager) exists(topic string) error {
	_, err := m.g.describeTopics([]string{topic})
	return err
}

// Partitions of a topic of the plan are known: they were checked at the start.
func (m topicManager) Partitions(topic string) ([]int32, error) {
	if topic != m.g.input && topic != m.g.table {
		return nil, fmt.Errorf("goka asks for %s, which is neither input nor table of %s", topic, m.g.name)
	}
	list := make([]int32, m.g.plan.Partitions)
	for i := range list {
		list[i] = int32(i)
	}
	return list, nil
}

// GetOffset asks the brokers.
func (m topicManager) GetOffset(topic string, partition int32, time int64) (int64, error) {
	return m.g.client.GetOffset(topic, partition, time)
}

// Close does nothing: the client is the group's.
func (m topicManager) Close() error { return nil }

// gokaLog hands goka's lines to slog. goka names what it does in every session; that is for debugging.
type gokaLog struct {
	log interface{ Debug(string, ...any) }
}

func (l gokaLog) Print(a ...any) { l.log.Debug(strings.TrimSpace(fmt.Sprint(a...)), "from", "goka") }
func (l gokaLog) Println(a ...any) {
	l.log.Debug(strings.TrimSpace(fmt.Sprintln(a...)), "from", "goka")
}
func (l gokaLog) Printf(format string, a ...any) {
	l.log.Debug(fmt.Sprintf(format, a...), "from", "goka")
}
