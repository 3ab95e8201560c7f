// The tools on real servers: everything is replayed and equal, views are rebuilt while the house works, also by a rebuild that is
// killed, and what retention has deleted gives no false alarm. PARLEY_REPLAY_MESSAGES makes the house larger, for a figure.

package tools

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/parley-im/parley/cmd/parley/endpoint"
	"github.com/parley-im/parley/cmd/parley/generations"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/schemas/name"
	"github.com/parley-im/parley/test/servers"
	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/views/store"
)

const (
	realPeople   = 20
	realMessages = 400 // of all of them, unless the environment says otherwise
	rebuildTries = 20  // until one is killed in time
)

// realHouse is a house on real servers, with its environment.
type realHouse struct {
	*house
	client *kgo.Client
	plan   topology.Plan
	vars   []string
}

func realHouseOf(t *testing.T) *realHouse {
	kafka, redis, mongo := servers.Kafka(t, servers.Own()), servers.Redis(t, servers.Own()), servers.Mongo(t, servers.Own())
	h := &realHouse{house: &house{binary: t.TempDir() + "/parley"}, plan: topology.House()}
	h.plan.Partitions = 8
	out, err := exec.Command("go", "build", "-o", h.binary, "github.com/parley-im/parley/cmd/parley").CombinedOutput()
	require.NoError(t, err, "%s", out)
	h.Kafka, h.Redis, h.Data = kafka.Addr, redis.Addr, t.TempDir()
	h.vars = append(os.Environ(), "PARLEY_BROKERS="+kafka.Addr, "PARLEY_REDIS="+redis.Addr, "PARLEY_DOCUMENTS="+mongo.URI+"/tools",
		"PARLEY_DATA="+h.Data, "PARLEY_PARTITIONS=8", "PARLEY_REPLICATION=1", "PARLEY_SESSION_TIMEOUT=6s", "PARLEY_COMMANDS_PER_PERSON=100000", "PARLEY_COMMANDS_AT_ONCE=100000",
		"PARLEY_LOG_LEVEL=warn")
	for _, name := range []string{"HTTP", "ADMIN", "QUERY_LISTEN", "PUSH_LISTEN", "KEY_LISTEN"} {
		address, err := endpoint.Free("127.0.0.1:0")
		require.NoError(t, err)
		h.vars = append(h.vars, "PARLEY_"+name+"="+address)
	}
	h.must(t, 0, "topology", "apply")
	c := exec.Command(h.binary, "run", "processor/", "view/") // without doors: people's commands are written by the test
	c.Env, c.Stderr = h.vars, os.Stderr
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(t, c.Start())
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	h.client, err = kgo.NewClient(kgo.SeedBrokers(kafka.Addr), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	require.NoError(t, err)
	t.Cleanup(h.client.Close)
	return h
}

// must runs a tool, expects how it ends, and answers all that it says.
func (h *realHouse) must(t *testing.T, code int, args ...string) string {
	t.Helper()
	printed, said := h.ran(t, code, args...)
	return said + printed
}

// ran runs a tool, expects how it ends, and answers what it prints, and what it says beside it.
func (h *realHouse) ran(t *testing.T, code int, args ...string) (printed, said string) {
	t.Helper()
	var out, beside strings.Builder
	c := exec.Command(h.binary, args...)
	c.Env, c.Stdout, c.Stderr = h.vars, &out, &beside
	_ = c.Run()
	require.Equal(t, code, c.ProcessState.ExitCode(), "parley %s\n%s\n%s", strings.Join(args, " "), beside.String(), out.String())
	return out.String(), beside.String()
}

// speak lets everybody make an account, or say things to the next one.
func (h *realHouse) speak(t *testing.T, from, to uint64, what func(i int, seq uint64) *pb.OutboxCommand) {
	for seq := from; seq < to; seq++ {
		for i := range realPeople {
			c := what(i, seq)
			c.DeviceId, c.ClientSeq = "phone", seq
			value, err := c.MarshalVT()
			require.NoError(t, err)
			user := person(i)
			h.client.Produce(t.Context(), &kgo.Record{Topic: "outbox.commands", Key: []byte(user), Value: value,
				Partition: topology.PartitionOf(user, h.plan.Partitions)}, nil)
		}
	}
	require.NoError(t, h.client.Flush(t.Context()))
}

func person(i int) string { return fmt.Sprintf("p%d", i%realPeople) }

func say(i int, _ uint64) *pb.OutboxCommand {
	return request(name.Direct(person(i), person(i^1)), &pb.ConversationRequest{Word: &pb.ConversationRequest_SendMessage{
		SendMessage: &pb.SendMessage{Body: &pb.Sealed{KeyId: "k", Nonce: make([]byte, 12), Ciphertext: make([]byte, 120)}}}})
}

func request(conversation string, r *pb.ConversationRequest) *pb.OutboxCommand {
	r.Conversation = conversation
	return &pb.OutboxCommand{Word: &pb.OutboxCommand_Conversation{Conversation: r}}
}

// quiet waits until every command has its outcome, and nothing is violated.
func (h *realHouse) quiet(t *testing.T, state string) (a audited) {
	for until := time.Now().Add(4 * patience); time.Now().Before(until); {
		out, _ := h.ran(t, 0, "verify", "--output", "json", "--state", state)
		a = audited{}
		require.NoError(t, json.NewDecoder(strings.NewReader(out)).Decode(&a), out)
		if a.Counts.PendingCommands == 0 && a.Counts.Unseen == 0 {
			return a
		}
	}
	require.FailNow(t, "something stays pending", "%+v", a.Counts)
	return a
}

func TestToolsOnRealServers(t *testing.T) {
	h := realHouseOf(t)
	messages := realMessages
	if more, err := strconv.Atoi(os.Getenv("PARLEY_REPLAY_MESSAGES")); err == nil {
		messages = more
	}
	state := t.TempDir()
	h.speak(t, 1, 2, func(int, uint64) *pb.OutboxCommand {
		return &pb.OutboxCommand{Word: &pb.OutboxCommand_Account{Account: &pb.AccountRequest{
			Word: &pb.AccountRequest_CreateAccount{CreateAccount: &pb.CreateAccount{DisplayName: &pb.Sealed{
				KeyId: "k", Nonce: make([]byte, 12), Ciphertext: make([]byte, 20)}}}}}}
	})
	h.quiet(t, state)
	h.speak(t, 2, 3, func(i int, _ uint64) *pb.OutboxCommand {
		return request(name.Direct(person(i), person(i^1)), &pb.ConversationRequest{
			Word: &pb.ConversationRequest_OpenDirect{OpenDirect: &pb.OpenDirect{Peer: person(i ^ 1)}}})
	})
	h.quiet(t, state)
	last := uint64(3 + messages/realPeople)
	h.speak(t, 3, last, say)
	h.quiet(t, state)

	out := h.must(t, 0, "verify", "--replay")
	require.Contains(t, out, "records/s")
	require.NotContains(t, out, "NOT COMPARED")
	t.Log(out)
	rebuilt(t, h, last)
	cutShort(t, h, state, last+1)
}

// rebuilt rebuilds a view of each store while people speak; the first rebuild is killed, and goes on.
func rebuilt(t *testing.T, h *realHouse, seq uint64) {
	number := h.killedRebuild(t, "history")
	h.speak(t, seq, seq+1, say)
	out := h.must(t, 0, "views", "rebuild", "history")
	require.Contains(t, out, fmt.Sprintf("generation %d is read now", number), "where the killed one was")
	t.Log(out, h.must(t, 0, "views", "rebuild", "inbox"))
	require.Contains(t, h.must(t, 0, "verify", "--views"), "equals the fold of the log")
	t.Log(h.must(t, 0, "views", "rebuild", "inbox", "--back"))
	require.Contains(t, h.must(t, 0, "views", "drop", "inbox", "2"), "deleted")
	t.Log(h.must(t, 0, "views", "list"))
	require.Contains(t, h.must(t, 0, "verify", "--views"), "equals the fold of the log")
}

// killedRebuild kills a rebuild of a view before it is whole, and answers the generation in which it was. One that is whole
// too soon is done again.
func (h *realHouse) killedRebuild(t *testing.T, view string) (generation int) {
	for range rebuildTries {
		c := exec.Command(h.binary, "views", "rebuild", view)
		c.Env = h.vars
		require.NoError(t, c.Start())
		ended := make(chan error, 1)
		go func() { ended <- c.Wait() }()
		for len(ended) == 0 && h.building(t, view) == 0 {
		}
		_ = c.Process.Kill()
		<-ended
		if generation = h.building(t, view); generation > 0 {
			return generation
		}
	}
	require.FailNow(t, "no rebuild could be killed before it was whole")
	return 0
}

// building is the generation of a view that is being built, 0 = none.
func (h *realHouse) building(t *testing.T, view string) int {
	var list []generations.View
	out, _ := h.ran(t, 0, "views", "list", "--output", "json")
	require.NoError(t, json.Unmarshal([]byte(out), &list))
	for _, v := range list {
		for _, g := range v.List {
			if v.View == view && g.State == store.Building {
				return g.Number
			}
		}
	}
	return 0
}

// cutShort deletes the first half of every topic that is not kept for ever.
func cutShort(t *testing.T, h *realHouse, state string, seq uint64) {
	admin := kadm.NewClient(h.client)
	for _, topic := range h.plan.Topics {
		if topic.Retention == 0 {
			continue
		}
		ends, err := admin.ListEndOffsets(t.Context(), topic.Name)
		require.NoError(t, err)
		half := kadm.Offsets{}
		ends.Each(func(o kadm.ListedOffset) { half.AddOffset(o.Topic, o.Partition, o.Offset/2, -1) })
		deleted, err := admin.DeleteRecords(t.Context(), half)
		require.NoError(t, err)
		require.NoError(t, deleted.Error())
	}
	require.Contains(t, h.must(t, 0, "verify", "--state", state), "nothing is violated", "what was seen before is known")
	fresh := t.TempDir()
	out := h.must(t, 0, "verify", "--state", fresh)
	require.Contains(t, out, "Retention has deleted the beginning of the log")
	require.Contains(t, out, "outbox.commands begins at")
	t.Log(out)
	out = h.must(t, 0, "verify", "--replay")
	require.Contains(t, out, "NOT COMPARED", "and no false alarm")
	before := h.quiet(t, fresh).Counts.Verified
	h.speak(t, seq, seq+10, say)
	after := h.quiet(t, fresh)
	require.Greater(t, after.Counts.Verified, before+10*realPeople, "what comes is proved")
	h.forgeIn(t, person(3))
	require.Contains(t, h.must(t, 2, "verify", "--state", fresh), "VIOLATED foreign inbox.events/")
}

// forgeIn writes an event into an inbox that nobody said.
func (h *realHouse) forgeIn(t *testing.T, victim string) {
	value, err := (&pb.InboxEvent{InboxSeq: 1 << 40, Epoch: 1}).MarshalVT()
	require.NoError(t, err)
	require.NoError(t, h.client.ProduceSync(t.Context(), &kgo.Record{Topic: "inbox.events", Key: []byte(victim), Value: value,
		Partition: topology.PartitionOf(victim, h.plan.Partitions)}).FirstErr())
}
