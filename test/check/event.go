// What a history is made of: one flat struct for every kind of event, so that a stream of them is cheap.

package check

import "fmt"

// Kind says what an event tells, and so which fields count.
type Kind uint8

// The kinds. Session names a stretch without resync of one device: after a resync, or a restart without memory, it is another.
const (
	_         Kind = iota
	Invoke         // User asks Op of Conversation ("" = of the account), having seen Seen there
	Return         // Op has an Outcome; ok with its Seq and Number
	Show           // Session of User's Device shows InboxSeq: Op at Seq, perhaps a message: Number, ReplyTo, Canary
	Resync         // Session goes on behind InboxSeq: what was jumped over is asked anew
	Hear           // User may hear Conversation from Seq up to Until (0 = for ever)
	Final          // Device has this item in its final read; fields as of Show
	FinalEnd       // Device's final read is all: inbox items behind Seq up to InboxSeq
	Mark           // User's read mark Number of Conversation was accepted
	MarkShow       // Session shows User's read mark Number
	MarkFinal      // User's read mark of Conversation ends as Number
	Unread         // Device's line of Conversation says Count unread in (Seen, Number]
	Compare        // What (V or S) of Key is Got and must be Want; also a damage that was detected
	Heal           // the last fault ended at AtMs
	kinds          // their number
)

var kindNames = [kinds]string{"", "invoke", "return", "show", "resync", "hear", "final", "final_end", "mark", "mark_show",
	"mark_final", "unread", "compare", "heal"}

// Outcome is what became of an operation.
type Outcome uint8

// The outcomes. A timeout is Info: it happened or it did not, never both, never twice.
const (
	Info Outcome = iota
	OK           // it is sequenced
	Fail         // provably not applied: a refusal exists
)

var outcomeNames = [...]string{"info", "ok", "fail"}

// Unknown is the Op of something shown that does not say which operation it is, as history does not.
const Unknown = "?"

// Event is one event of a history. Fields that its kind does not name are left out.
type Event struct {
	Kind         Kind    `json:"kind"`
	AtMs         int64   `json:"at_ms,omitempty"` // monotonic; only T looks at it
	User         string  `json:"user,omitempty"`
	Device       string  `json:"device,omitempty"` // unique among all people
	Session      string  `json:"session,omitempty"`
	Op           string  `json:"op,omitempty"` // user/device#client_seq; "" = the house's own word
	Conversation string  `json:"conversation,omitempty"`
	Outcome      Outcome `json:"outcome,omitempty"`
	Seq          uint64  `json:"seq,omitempty"`
	Until        uint64  `json:"until,omitempty"`
	Number       uint64  `json:"number,omitempty"` // of a message; 0 = not a message
	ReplyTo      uint64  `json:"reply_to,omitempty"`
	InboxSeq     uint64  `json:"inbox_seq,omitempty"` // 0 = not from an inbox
	Seen         uint64  `json:"seen,omitempty"`
	Count        uint64  `json:"count,omitempty"`
	Canary       string  `json:"canary,omitempty"` // conversation that the body was sealed for
	What         Letter  `json:"what,omitempty"`
	Key          string  `json:"key,omitempty"`
	Got          string  `json:"got,omitempty"`
	Want         string  `json:"want,omitempty"`
}

// Letter names an anomaly.
type Letter string

// The anomalies; see the package.
const (
	Lost       Letter = "L"
	Late       Letter = "T"
	Duplicate  Letter = "D"
	Order      Letter = "O"
	Gap        Letter = "G"
	Phantom    Letter = "P"
	Causality  Letter = "C"
	Drift      Letter = "U"
	Regression Letter = "R"
	View       Letter = "V"
	Leak       Letter = "K"
	State      Letter = "S"
)

// MarshalText writes a kind by its name.
func (k Kind) MarshalText() ([]byte, error) {
	if k == 0 || k >= kinds {
		return nil, fmt.Errorf("kind %d is unknown", k)
	}
	return []byte(kindNames[k]), nil
}

// UnmarshalText reads it.
func (k *Kind) UnmarshalText(text []byte) error {
	for i, n := range kindNames {
		if i > 0 && n == string(text) {
			*k = Kind(i)
			return nil
		}
	}
	return fmt.Errorf("an event of kind %q is unknown to this checker", text)
}

// MarshalText writes an outcome by its name.
func (o Outcome) MarshalText() ([]byte, error) {
	if int(o) >= len(outcomeNames) {
		return nil, fmt.Errorf("outcome %d is unknown", o)
	}
	return []byte(outcomeNames[o]), nil
}

// UnmarshalText reads it.
func (o *Outcome) UnmarshalText(text []byte) error {
	for i, n := range outcomeNames {
		if n == string(text) {
			*o = Outcome(i)
			return nil
		}
	}
	return fmt.Errorf("an outcome is ok, fail or info, not %q", text)
}
