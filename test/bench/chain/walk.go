// Package chain is the reference that messages are measured against: a bare chain of Kafka clients that consumes and
// produces the records of a message's walk and decides nothing.
//
// Three links stand for the three groups of a message. Each consumes a topic and produces for each record what the group
// produces: as many records, to as many topics, as long, under the same keys, with the same headers, acks of all in-sync
// replicas. What a deployment does besides (folds, rows on disk, commits, sockets, views) is left out. The chain and
// whoever feeds it are one process, and there is one client for each link.
package chain

import (
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/parley-im/parley/test/bench/imload"
	"github.com/parley-im/parley/test/walk"
	"github.com/parley-im/parley/topology"
)

const (
	prefix = "chain." // of the chain's topics
	head   = 16       // bytes of a value: sender, and when the message was due
)

// Shape is how messages are sent. Exactly one of Window and Rate is set.
type Shape struct {
	Senders int
	Members int     // of each sender's group, the sender too; 0 = a direct conversation
	Window  int     // messages in flight of each sender
	Rate    float64 // messages a second of all senders
}

// receivers is how many deliveries a message is complete with.
func (s Shape) receivers() int { return max(s.Members-1, 1) }

// piece is a record of a message's walk as the chain produces it.
type piece struct {
	topic   string
	keys    []string // by sender
	size    int
	headers []kgo.RecordHeader
	own     bool // only for an input with the same key: an inbox emits what it was given
}

// link is a group of the chain.
type link struct {
	input  string
	output []piece
}

// people are those of one sender's conversation, the sender first, under names as long as those that the load generator uses.
func (s Shape) people(sender int) (users []string) {
	for i := range max(s.Members, 2) {
		users = append(users, fmt.Sprintf("full0-19a2b3c-%03d-%03d", sender, i))
	}
	return users
}

// walked is the chain of a message: what each group emits for one text, taken from the folds themselves.
func walked(plan topology.Plan, s Shape) (first piece, links []link) {
	log, of := fold(plan, s)
	count := map[string]int{}
	for _, r := range log {
		count[r.Topic]++
	}
	pieces, emitter := map[string][]piece{}, map[string][]uint16{}
	for _, r := range log {
		p := piece{topic: prefix + r.Topic, size: max(len(r.Value), head)}
		for sender := range s.Senders {
			p.keys = append(p.keys, of(r.Key, sender))
		}
		for _, h := range r.Headers {
			p.headers = append(p.headers, kgo.RecordHeader{Key: h.Key, Value: h.Value})
		}
		cause, _ := topology.UnpackCause(r.Get(topology.HeaderCause)) // gateways and rows have none: group 0
		pieces[r.Topic], emitter[r.Topic] = append(pieces[r.Topic], p), append(emitter[r.Topic], cause.Group)
	}
	for _, g := range plan.Groups {
		if count[g.Input] == 0 {
			continue
		}
		l := link{input: prefix + g.Input}
		for _, topic := range append([]string{plan.Table(g.Name)}, g.Output...) {
			for i, p := range pieces[topic] {
				if emitter[topic][i] == g.Number || topic == plan.Table(g.Name) {
					p.own = count[g.Input] > 1
					l.output = append(l.output, p)
				}
			}
		}
		links = append(links, l)
	}
	return pieces[plan.Groups[0].Input][0], links
}

// fold lets the folds of the deployment take one text, and returns its records and how a key of them reads for a sender.
func fold(plan topology.Plan, s Shape) (log []topology.Record, of func(key string, sender int) string) {
	w, who := walk.New(plan), s.people(0)
	var devices []*walk.Device
	for _, user := range who {
		devices = append(devices, w.Device(user, "load"))
		devices[len(devices)-1].CreateAccount()
	}
	w.Run()
	talk := ""
	if s.Members > 0 {
		talk = devices[0].CreateGroup(group(0), "group", who[1:]...)
	} else {
		talk = devices[0].OpenDirect(who[1])
	}
	w.Run()
	before := len(w.Log())
	devices[0].SendText(talk, strings.Repeat("x", imload.TextSize))
	w.Run()
	renames := make([]*strings.Replacer, s.Senders)
	for sender := range renames {
		pairs := []string{group(0), group(sender)}
		for i, user := range s.people(sender) {
			pairs = append(pairs, who[i], user)
		}
		renames[sender] = strings.NewReplacer(pairs...)
	}
	return w.Log()[before:], func(key string, sender int) string { return renames[sender].Replace(key) }
}

// group is the unique part of a sender's group.
func group(sender int) string { return fmt.Sprintf("chain-%03d", sender) }
