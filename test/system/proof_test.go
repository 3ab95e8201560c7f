// What the log says: who may hear what and which marks were accepted, for the checker; and parley verify, which folds the
// log and the views anew and demands that they are equal, in bounded memory.

package system

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parley-im/parley/processors/audit"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/schemas/name"
	"github.com/parley-im/parley/test/check"
	"github.com/parley-im/parley/test/house"
	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire"
)

func (w *world) cluster() wire.Cluster { return wire.Cluster{Brokers: strings.Split(w.h.Kafka, ",")} }

// readLog hands every record of a topic over.
func (w *world) readLog(topic string, each func(*topology.Record) error) {
	ctx, cancel := context.WithTimeout(context.Background(), w.readPatience())
	defer cancel()
	require.NoError(w.t, wire.Read(ctx, w.cluster(), topic, each), "read %s", topic)
}

// readPatience is how long the log may take to be read: no longer than to be written.
func (w *world) readPatience() time.Duration { return max(recoveryPatience, w.age()) }

// logOf tells the checker what the log says of people.
func (w *world) logOf(r *tally) {
	in := map[string]map[string]uint64{} // conversation -> user -> since
	at := map[string]uint64{}            // conversation -> seq; repeats are passed over
	w.readLog("conversation.events", func(record *topology.Record) error {
		var e pb.ConversationEvent
		if err := e.UnmarshalVT(record.Value); err != nil {
			return err
		}
		if e.Seq > at[record.Key] {
			at[record.Key] = e.Seq
			if in[record.Key] == nil {
				in[record.Key] = map[string]uint64{}
			}
			w.hears(in[record.Key], record.Key, &e)
		}
		return nil
	})
	for conversation, users := range in {
		for user, since := range users {
			w.history.add(check.Event{Kind: check.Hear, User: user, Conversation: conversation, Seq: since})
		}
	}
	w.readLog("bookmark.commands", func(record *topology.Record) error {
		var c pb.BookmarkCommand
		if user, conversation, ok := name.SplitBookmark(record.Key); ok && c.UnmarshalVT(record.Value) == nil && c.GetSeen() != nil {
			w.history.add(check.Event{Kind: check.Mark, User: user, Conversation: conversation, Number: c.GetSeen().GetMarks().GetRead()})
		}
		return nil
	})
	delivered := map[string]uint64{}
	w.readLog("inbox.events", func(record *topology.Record) error {
		var e pb.InboxEvent
		err := e.UnmarshalVT(record.Value)
		delivered[record.Key] = max(delivered[record.Key], e.InboxSeq)
		return err
	})
	for _, n := range delivered {
		r.delivered += int64(n)
	}
}

// hears notes who comes and goes. Whoever goes hears that, and nothing behind it.
func (w *world) hears(in map[string]uint64, conversation string, e *pb.ConversationEvent) {
	goes := func(user string) {
		if since, ok := in[user]; ok {
			w.history.add(check.Event{Kind: check.Hear, User: user, Conversation: conversation, Seq: since, Until: e.Seq})
			delete(in, user)
		}
	}
	switch word := e.Word.(type) {
	case *pb.ConversationEvent_ConversationCreated:
		for _, m := range word.ConversationCreated.Members {
			in[m.User] = e.Seq
		}
	case *pb.ConversationEvent_MemberJoined:
		in[word.MemberJoined.GetMember().GetUser()] = e.Seq
	case *pb.ConversationEvent_MemberLeft:
		goes(word.MemberLeft.User)
	case *pb.ConversationEvent_MemberRemoved:
		goes(word.MemberRemoved.User)
	case *pb.ConversationEvent_MessageSent:
		if _, ok := in[e.GetOrigin().GetUser()]; !ok {
			w.find("P", "%s says seq %d in %s without being a member", e.GetOrigin().GetUser(), e.Seq, conversation)
		}
	}
}

// verify has the binary fold the log and the views anew. What it must find wrong is what the campaign has forged, and
// nothing else.
func (w *world) verify(r *tally) {
	var log struct{ Counts audit.Counts }
	began := time.Now()
	code := w.parley(&log, "verify", "--from-start", "--state", w.dir+"/audit")
	r.records, r.repeats, r.verified = log.Counts.Records, log.Counts.Repeats, time.Since(began)
	if code == 0 && len(w.forged) > 0 {
		w.find("S", "parley verify finds nothing, but %d records were forged", len(w.forged))
	}
	found := map[place]bool{}
	for _, v := range log.Counts.Kept {
		at := place{v.Topic, v.Partition, v.Offset}
		if found[at] = true; !w.forged[at] || v.Law != audit.Foreign {
			w.find("S", "parley verify: %s", v)
		}
	}
	if n := log.Counts.Total(); n != int64(len(w.forged)) || len(found) != len(w.forged) {
		w.find("S", "parley verify finds %d violations, %d records were forged", n, len(w.forged))
	}
	var views struct {
		Clean bool
		Total int64
		First []any
	}
	if code := w.parley(&views, "verify", "--views"); code != 0 || !views.Clean {
		w.find("V", "parley verify --views ends with %d: %+v", code, views)
	}
}

// parley runs a command of the binary and reads what it prints as JSON.
func (w *world) parley(into any, args ...string) int {
	ctx, cancel := context.WithTimeout(context.Background(), w.readPatience())
	defer cancel()
	c := exec.CommandContext(ctx, w.h.Binary, append(args, "--settings", w.h.Settings, "--output", "json")...)
	c.Env = os.Environ()
	c.Cancel, c.WaitDelay = func() error { return c.Process.Signal(syscall.SIGQUIT) }, house.Patience // it says where it stands
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		require.NoError(w.t, err)
	}
	require.NoError(w.t, json.Unmarshal(out, into), "parley %s: %s%s", strings.Join(args, " "), out, stderr.String())
	return c.ProcessState.ExitCode()
}
