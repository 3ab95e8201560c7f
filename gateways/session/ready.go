// What goes into a session and what comes out of it, as data.

package session

import (
	"cmp"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/parley-im/parley/gateways/translate"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// Input is one of the inputs below.
type Input interface{ input() }

// Said: the client said a frame.
type Said struct {
	Frame *pb.ClientFrame
	Seal  translate.Sealer // needed by commands that carry text; nil = the keys cannot be had now
}

// Garbled: the client said something that is no frame.
type Garbled struct {
	Code   pb.Code
	Detail string
}

// Throttled: the client said a frame over its rate; it is refused.
type Throttled struct {
	Frame        *pb.ClientFrame
	Detail       string
	RetryAfterMS uint32
}

// Acked: the log has a command, in all in-sync replicas.
type Acked struct{ ID uint64 }

// Failed: a command did not reach the log, or nobody knows.
type Failed struct {
	ID           uint64
	Overloaded   bool // true = it never left: too much at once
	RetryAfterMS uint32
}

// Answered: a question was answered. Answer is nil when it could not be.
type Answered struct {
	ID     uint64
	Answer proto.Message
	Open   translate.Opener
}

// Pushed: a record of a subscribed key came. Exactly one of the three is there.
type Pushed struct {
	Key      string
	Inbox    []*pb.InboxEvent
	Bookmark *pb.BookmarkEvent
	Account  *pb.AccountEvent
	Open     translate.Opener
}

// Whispered: another gateway says something that is never kept.
type Whispered struct{ Frame *pb.ServerFrame }

// Subscribed: records of this key will be told from now on; what is older must be asked for.
type Subscribed struct{ Subscription Subscription }

// Headed: where the inbox stands, as far as the views know.
type Headed struct{ Head *pb.Cursor }

// Tick: the deadline came.
type Tick struct{}

// Drain: the gateway goes away.
type Drain struct{ ReconnectAfterMS uint32 }

// Crowded: the person has too many connections.
type Crowded struct{ ReconnectAfterMS uint32 }

// Gone: the socket is gone.
type Gone struct{}

func (Said) input()       {}
func (Garbled) input()    {}
func (Throttled) input()  {}
func (Acked) input()      {}
func (Failed) input()     {}
func (Answered) input()   {}
func (Pushed) input()     {}
func (Whispered) input()  {}
func (Subscribed) input() {}
func (Headed) input()     {}
func (Tick) input()       {}
func (Drain) input()      {}
func (Crowded) input()    {}
func (Gone) input()       {}

// Ready is what has to be done. Subscribe before asking: what is asked must not be older than what is pushed.
type Ready struct {
	Frames      []*pb.ServerFrame
	Produce     []Command
	Subscribe   []Subscription
	Unsubscribe []Subscription
	Ask         []Ask
	Whisper     []*pb.Whisper
	Close       *Closing
	DeadlineMS  int64 // come back with a Tick then; 0 = not needed
}

// Says says that there is nothing to do but to send the frames.
func (r *Ready) Says() bool {
	return len(r.Produce)+len(r.Subscribe)+len(r.Unsubscribe)+len(r.Ask)+len(r.Whisper) == 0 && r.Close == nil
}

// Command is a record to produce. With ID 0 nobody waits for its acknowledgement.
type Command struct {
	ID      uint64
	Topic   string
	Key     string
	Message Encoded
}

// Encoded is a message that can write itself.
type Encoded interface {
	proto.Message
	MarshalVT() ([]byte, error)
}

// Ask is a question to the views: one of the queries of query.proto.
type Ask struct {
	ID    uint64
	Query proto.Message
	// WhenDrained: ask only when the client took everything it was sent, so that a slow client paces its own repair.
	WhenDrained bool
}

// Subscription is a key of a topic.
type Subscription struct{ Topic, Key string }

func (a Subscription) compare(b Subscription) int {
	return cmp.Or(strings.Compare(a.Topic, b.Topic), strings.Compare(a.Key, b.Key))
}

// Topics that a session names. The plan's test holds them against the plan.
const (
	OutboxCommands   = "outbox.commands"
	BookmarkCommands = "bookmark.commands"
	AccountCommands  = "account.commands"
	InboxEvents      = "inbox.events"
	BookmarkEvents   = "bookmark.events"
	AccountEvents    = "account.events"
)

// Closing says why a session ended.
type Closing struct {
	Reason Reason
	Detail string
}

// Reason of an end. Carriers turn it into a close code of their own.
type Reason uint8

// Reasons.
const (
	Ended           Reason = iota // the client went
	Misused                       // the client does not speak the protocol: do not come back unchanged
	Unauthenticated               // the token is wrong or ran out: come back with another
	HelloLate                     // no hello in time: come back
	Restarting                    // the gateway goes away: come back
	Overwhelmed                   // too much is waiting: come back later
)
