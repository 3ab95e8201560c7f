// Crashes in company: rules activated while owners are killed, a disk that is full, a refusal delivered again.

package kafka_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/schemas/name"
	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire/wiretest"
)

// rulesInACrash activates rules twice while commands flow, and kills all members at the same moments, some without their
// store afterwards. Which rules a command met is in every event.
func rulesInACrash(p *patient) {
	c := newCampaign(p.T, p.stage, p.cluster.Brokers, 2)
	const commands, rate = 3_000, 300
	c.feed(commands, rate)
	for _, rules := range []byte{2, 3} {
		time.Sleep(3 * time.Second)
		for n := range p.stage.Partitions {
			p.must(p.emitter.EmitTo(p.input(), n, topology.RulesKey, wiretest.Activate(rules), nil, nil))
		}
		for i, m := range c.members {
			m.restart(i == int(rules)%2)
		}
	}
	c.verify(commands)
	met := map[uint64]int{}
	for _, r := range p.read(p.stage.topic(wiretest.Events)) {
		e, err := wiretest.ParseEvent(r.Value)
		p.must(err)
		met[e.Rules]++
	}
	p.Logf("events by rules: %v", met)
	if met[1] == 0 || met[2] == 0 || met[3] == 0 {
		p.Fatal("not all rules were met by commands")
	}
}

const (
	diskSize = "24m"   // of the small disk
	ballast  = 1 << 16 // bytes of a write that fills it
)

// diskFull fills the disk of a member's store and kills the member: it cannot start, says why, and goes on when there is room.
func diskFull(p *patient) {
	disk := p.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size="+diskSize, "none", disk).CombinedOutput(); err != nil {
		p.Skipf("NOT SHOWN: a small disk cannot be mounted here, and a full one is not tried: %v %s", err, out)
	}
	p.Cleanup(func() {
		if out, err := exec.Command("umount", "-l", disk).CombinedOutput(); err != nil {
			p.Errorf("umount: %v %s", err, out)
		}
	})
	c := planCampaign(p.T, p.stage, p.cluster.Brokers)
	m := c.newMember(0)
	m.dir = filepath.Join(disk, "store")
	c.members = []*member{m}
	m.start()
	const commands, rate = 2_000, 300
	c.feed(commands, rate)
	time.Sleep(3 * time.Second)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go fill(filepath.Join(disk, "ballast"), stop, stopped)
	time.Sleep(500 * time.Millisecond)
	m.restart(false)
	p.until("the member ended by itself", func() bool { return m.ended(1)+m.ended(2)+m.ended(3) >= 2 })
	close(stop)
	<-stopped
	p.must(os.Remove(filepath.Join(disk, "ballast")))
	c.verify(commands)
	said := strings.Join(m.words(), "\n")
	if !strings.Contains(said, "no space left on device") || !strings.Contains(said, "room") {
		p.Fatalf("the member did not say what to do: %s", said)
	}
}

// fill writes to a disk until told to stop: whatever anybody frees is taken at once.
func fill(name string, stop, stopped chan struct{}) {
	defer close(stopped)
	f, err := os.Create(name)
	if err != nil {
		return
	}
	defer f.Close()
	for block := make([]byte, ballast); ; {
		select {
		case <-stop:
			return
		default:
		}
		if _, err := f.Write(block); err != nil {
			time.Sleep(time.Millisecond)
		}
	}
}

// refusalAgain delivers a refused message again, in four ways, after its sender became a member: it stays refused, once. The
// first time nothing else of its source has reached the conversation since, so that the row's memory of the refusal decides.
func refusalAgain(p *patient) {
	p.machines[0], p.machines[1] = p.machines[1], p.machines[0] // the conversation is the one that is harmed
	o := p.run(p.dir, nil)
	o.awaitReady()
	group, stranger := name.GroupMadeBy("maker", "phone", 2), "stranger"
	for topology.PartitionOf(stranger, p.stage.Partitions) == topology.PartitionOf("maker", p.stage.Partitions) {
		stranger += "s"
	}
	for _, user := range []string{"maker", "friend", stranger} {
		p.must(p.emitter.Emit(p.stage.topic("outbox.commands"), user, account(user), nil, nil))
	}
	say := func(user string, seq uint64, ask *pb.ConversationRequest) {
		ask.Conversation = group
		c := &pb.OutboxCommand{DeviceId: "phone", ClientSeq: seq, Word: &pb.OutboxCommand_Conversation{Conversation: ask}}
		p.must(p.emitter.Emit(p.stage.topic("outbox.commands"), user, must(c.MarshalVT()), nil, nil))
	}
	message := func() *pb.ConversationRequest {
		return &pb.ConversationRequest{Word: &pb.ConversationRequest_SendMessage{SendMessage: &pb.SendMessage{Body: sealed("hello")}}}
	}
	say("maker", 2, &pb.ConversationRequest{Word: &pb.ConversationRequest_CreateGroup{
		CreateGroup: &pb.CreateGroup{Title: sealed("title"), Members: []string{"friend"}}}})
	created := func(e *pb.ConversationEvent) bool { return e.GetConversationCreated() != nil }
	p.until("the group stands", func() bool { return p.told("maker", created) == 1 })
	again := 0
	deliver := func() { // as a group that lost its acks would
		for _, topic := range []string{"conversation.commands", "inbox.commands"} {
			for _, r := range p.read(p.stage.topic(topic)) {
				if strings.Contains(string(r.Value), stranger) {
					again++
					r.Time = time.Time{}
					p.write(r)
				}
			}
		}
	}
	say(stranger, 2, message())
	p.until("refused", func() bool { return p.refusals(stranger, 2) == 1 })
	say("maker", 3, &pb.ConversationRequest{Word: &pb.ConversationRequest_AddMember{AddMember: &pb.AddMember{User: stranger}}})
	p.until("joined", func() bool {
		return p.told(stranger, func(e *pb.ConversationEvent) bool { return e.GetMemberJoined() != nil }) > 0
	})
	deliver()
	say(stranger, 3, message())
	sent := func(seq uint64) int {
		return p.told(stranger, func(e *pb.ConversationEvent) bool {
			return e.GetMessageSent() != nil && e.Origin.GetUser() == stranger && e.Origin.GetClientSeq() == seq
		})
	}
	p.until("said", func() bool { return sent(3) == 1 })
	deliver()
	p.whole()
	p.must(o.stop())
	p.commit(func(int32) int64 { return 0 }) // the conversation folds everything again
	p.wipe()
	p.run(p.dir, nil).awaitReady()
	v := p.whole()
	if again < 8 || p.refusals(stranger, 2) != 1 || sent(2) != 0 || sent(3) != 1 || v.Repeated != again {
		p.Fatalf("%d records again: refused %d times, said %d and %d times: %v", again, p.refusals(stranger, 2), sent(2), sent(3), v)
	}
}

// told counts the conversation events of a kind in somebody's inbox.
func (p *patient) told(user string, is func(*pb.ConversationEvent) bool) (n int) {
	p.inbox(user, func(e *pb.InboxEvent) {
		if said := e.GetConversation(); said != nil && is(said.Event) {
			n++
		}
	})
	return n
}

func (p *patient) refusals(user string, seq uint64) (n int) {
	p.inbox(user, func(e *pb.InboxEvent) {
		if r := e.GetRefused(); r != nil && r.Origin.GetClientSeq() == seq {
			n++
		}
	})
	return n
}

func (p *patient) inbox(user string, each func(*pb.InboxEvent)) {
	for _, r := range p.read(p.stage.topic("inbox.events")) {
		if r.Key != user {
			continue
		}
		var e pb.InboxEvent
		p.must(e.UnmarshalVT(r.Value))
		each(&e)
	}
}
