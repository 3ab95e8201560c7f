// What is put through a campaign: machines, and the commands that they are given.

package kafka_test

import (
	"fmt"

	"github.com/parley-im/parley/processors"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/schemas/name"
	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire/wiretest"
)

// subject is a house of one or several machines with its commands. All machines of a subject run in each member.
type subject struct {
	plan     func() topology.Plan
	machines func(topology.Plan) []topology.Machine // of the plan as a stage tagged it
	command  func(i int) (input, key string, value []byte)
}

// subjects by name: child processes are told the name.
var subjects = map[string]subject{
	"counter": {func() topology.Plan { return wiretest.Plan(1, 1) }, counterMachines, counterCommand},
	"house":   {topology.House, processors.Machines, houseCommand},
}

// stage is a subject on a Kafka that it may share with others: topics and groups carry its tag, causes its epoch.
type stage struct {
	Subject    string
	Tag        string
	Epoch      uint32
	Partitions int32
}

func (s stage) topic(name string) string {
	if name == topology.DeadLetters {
		return name // all stages write it; epochs tell whose a letter is
	}
	return s.Tag + "." + name
}

func (s stage) plan() topology.Plan {
	p := subjects[s.Subject].plan()
	p.Name, p.Epoch, p.Partitions, p.Replication, p.MinInsync = s.Tag, s.Epoch, s.Partitions, 1, 1
	p.CommandRate, p.CommandBurst = 1000, 10_000
	for i := range p.Topics {
		p.Topics[i].Name = s.topic(p.Topics[i].Name)
	}
	for i := range p.Groups {
		g := &p.Groups[i]
		g.Input = s.topic(g.Input)
		outputs := make([]string, len(g.Output))
		for j, name := range g.Output {
			outputs[j] = s.topic(name)
		}
		g.Output = outputs
	}
	return p
}

func (s stage) machines() []topology.Machine { return subjects[s.Subject].machines(s.plan()) }

func (s stage) command(i int) (input, key string, value []byte) {
	input, key, value = subjects[s.Subject].command(i)
	return s.topic(input), key, value
}

// counterMachines is the counter, whose fold names bare topics.
func counterMachines(plan topology.Plan) []topology.Machine {
	m := wiretest.Counter()
	m.Group = plan.Groups[0]
	fold := m.Fold
	m.Fold = func(rules uint32, row []byte, in *topology.Record) ([]byte, []topology.Output) {
		next, out := fold(rules, row, in)
		for i := range out {
			if out[i].Topic != topology.DeadLetters {
				out[i].Topic = m.Group.Output[0]
			}
		}
		return next, out
	}
	return []topology.Machine{m}
}

// counterKeys is the number of keys that commands go to.
const counterKeys = 500

// counterCommand is spread over the keys, but the same in every run.
func counterCommand(i int) (string, string, []byte) {
	return wiretest.Commands, fmt.Sprintf("user%d/x", (i*7919)%counterKeys), fmt.Appendf(nil, "command-%07d", i)
}

// People of the house: each talks to one other, and every tenth makes a group with two more.
const (
	housePeople = 60
	groupEvery  = 10
)

// houseCommand goes round the people. Round 0 makes their accounts, round 1 opens their conversations, round 2 makes the
// groups; later ones say something, and every fourth tells how far somebody has read. Every eleventh word goes where its
// sender is no member.
func houseCommand(i int) (string, string, []byte) {
	round, n := i/housePeople, i%housePeople
	user, peer := person(n), person(n^1)
	talk := name.Direct(user, peer)
	if round%4 == 3 {
		return "bookmark.commands", name.Bookmark(user, talk), must((&pb.BookmarkCommand{Word: &pb.BookmarkCommand_Seen{
			Seen: &pb.Seen{Marks: &pb.Marks{Delivered: uint64(round), Read: uint64(round / 2)}}}}).MarshalVT())
	}
	seq := uint64(round-round/4) + 1
	ask := &pb.ConversationRequest{Conversation: talk}
	maker := n - n%groupEvery
	group := name.GroupMadeBy(person(maker), "phone", 3)
	switch {
	case round == 0:
		return "outbox.commands", user, account(user)
	case round == 1:
		ask.Word = &pb.ConversationRequest_OpenDirect{OpenDirect: &pb.OpenDirect{Peer: peer}}
	case round == 2 && n == maker:
		ask.Conversation = group
		ask.Word = &pb.ConversationRequest_CreateGroup{CreateGroup: &pb.CreateGroup{
			Title: sealed("title"), Members: []string{person(n + 1), person(n + 2)}}}
	default:
		switch {
		case i%11 == 0:
			ask.Conversation = name.Direct(person((n+4)%housePeople), person((n+9)%housePeople)) // refused
		case n-maker <= 2 && round%2 == 0:
			ask.Conversation = group
		}
		ask.Word = &pb.ConversationRequest_SendMessage{SendMessage: &pb.SendMessage{Body: sealed(fmt.Sprintf("%s says %d", user, i))}}
	}
	return "outbox.commands", user, must((&pb.OutboxCommand{DeviceId: "phone", ClientSeq: seq,
		Word: &pb.OutboxCommand_Conversation{Conversation: ask}}).MarshalVT())
}

// account is the first word of a person's phone.
func account(user string) []byte {
	create := &pb.AccountRequest{Word: &pb.AccountRequest_CreateAccount{CreateAccount: &pb.CreateAccount{DisplayName: sealed(user)}}}
	return must((&pb.OutboxCommand{DeviceId: "phone", ClientSeq: 1, Word: &pb.OutboxCommand_Account{Account: create}}).MarshalVT())
}

func person(n int) string { return fmt.Sprintf("u%03d", n) }

func sealed(text string) *pb.Sealed {
	return &pb.Sealed{KeyId: "k", Nonce: make([]byte, 12), Ciphertext: append([]byte(text), make([]byte, 16)...)}
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}
