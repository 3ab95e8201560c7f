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

// Received: the client sent a frame.
type Received struct {
	Frame *pb.ClientFrame
	Seal  translate.Sealer // needed by commands that carry text; nil = the keys cannot be had now
}

// Malformed: the client sent something that is not a frame.
type Malformed struct {
	Code   pb.Code
	Detail string
}

// Throttled: the client sent a frame over its rate; it is refused.
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
	Overloaded   bool // true = it was never sent: too much at once
	RetryAfterMS uint32
}

// Answered: a query was answered. Answer is nil when it failed.
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

// Whispered: a whisper came, which is never kept.
type Whispered struct{ Frame *pb.ServerFrame }

// Subscribed: records of this key are pushed from now on; what is older must be queried.
type Subscribed struct{ Subscription Subscription }

// HeadPolled: where the inbox stands, as far as the views know.
type HeadPolled struct{ Head *pb.Cursor }

// Tick: the deadline came.
type Tick struct{}

// Drain: the gateway is shutting down.
type Drain struct{ ReconnectAfterMS uint32 }

// TooManyConnections: the user has too many connections.
type TooManyConnections struct{ ReconnectAfterMS uint32 }

// Disconnected: the socket ended.
type Disconnected struct{}

func (Received) input()           {}
func (Malformed) input()          {}
func (Throttled) input()          {}
func (Acked) input()              {}
func (Failed) input()             {}
func (Answered) input()           {}
func (Pushed) input()             {}
func (Whispered) input()          {}
func (Subscribed) input()         {}
func (HeadPolled) input()         {}
func (Tick) input()               {}
func (Drain) input()              {}
func (TooManyConnections) input() {}
func (Disconnected) input()       {}

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

// OnlyFrames reports that there is nothing to do but to send the frames.
func (r *Ready) OnlyFrames() bool {
	return len(r.Produce)+len(r.Subscribe)+len(r.Unsubscribe)+len(r.Ask)+len(r.Whisper) == 0 && r.Close == nil
}

// Command is a record to produce. With ID 0 nobody waits for its acknowledgement.
type Command struct {
	ID      uint64
	Topic   string
	Key     string
	Message Encoded
}

// Encoded is a message that encodes itself.
type Encoded interface {
	proto.Message
	MarshalVT() ([]byte, error)
}

// Ask is a query for the views: one of query.proto.
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

// Topics that a session uses. A test of the hall compares them with the plan.
const (
	OutboxCommands   = "outbox.commands"
	BookmarkCommands = "bookmark.commands"
	AccountCommands  = "account.commands"
	InboxEvents      = "inbox.events"
	BookmarkEvents   = "bookmark.events"
	AccountEvents    = "account.events"
)

// Closing is why a session ended.
type Closing struct {
	Reason Reason
	Detail string
}

// Reason of an end. Carriers turn it into a close code of their own.
type Reason uint8

// Reasons.
const (
	Ended           Reason = iota // the client went
	Misused                       // the client breaks the protocol: do not reconnect unchanged
	Unauthenticated               // the token is wrong or expired: reconnect with another
	HelloLate                     // no hello in time: reconnect
	Restarting                    // the gateway is shutting down: reconnect
	Overwhelmed                   // too much is waiting: reconnect later
)
