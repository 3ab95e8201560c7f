// What stands in the log, seen without any Kafka library: a record, an output, a cause, and the headers that carry them.

package topology

import (
	"encoding/binary"
	"fmt"
	"time"
)

// Limits of a record. Kafka's own default is 1 MiB; ours is lower, so that a batch of one always fits.
const (
	MaxKey    = 1024      // bytes
	MaxValue  = 768 << 10 // bytes
	MaxDetail = 1024      // bytes of a dead letter's explanation
	MaxLetter = 512 << 10 // bytes of the value kept in a dead letter
)

// Names of the headers. They are short because every record carries them.
const (
	HeaderCause       = "cause"       // Cause, packed: the causation id
	HeaderCorrelation = "corr"        // id of the command that began it all (16 bytes, UUIDv7)
	HeaderTrace       = "traceparent" // W3C trace context
	HeaderLane        = "lane"        // swimlane; absent = the main one
	HeaderGeneration  = "gen"         // on changelog records: the takeover offset of the writer (8 bytes, big endian)
)

// Header is one header of a record. Headers are a list, never a map: two owners must write the same bytes.
type Header struct {
	Key   string
	Value []byte
}

// Record is an input: a record as it stands in a topic.
type Record struct {
	Topic     string
	Partition int32
	Offset    int64
	Time      time.Time // broker's timestamp, milliseconds
	Key       string
	Value     []byte
	Headers   []Header

	// Panic is no part of the record: it is what an earlier owner's machine panicked with, as the table says it. The fold
	// takes the word for it, lest this owner's machine, of another build, says what the earlier one skipped.
	Panic string
}

// Get returns the first header of that name, or nil.
func (r *Record) Get(name string) []byte {
	for _, h := range r.Headers {
		if h.Key == name {
			return h.Value
		}
	}
	return nil
}

// Output is what a fold says: the wire chooses the partition by the key and adds the headers.
type Output struct {
	Topic string
	Key   string
	Value []byte // outputs share it when many are told the same: nobody writes into it

	// Panic is what the machine panicked with, when this is the dead letter that says so. Another build may not panic, so
	// the table must say it before the letter does.
	Panic string
}

// Cause names the input that made a group say something, and which of its outputs this is. It is unique in the life of
// a log, and strictly rising within (group, partition).
type Cause struct {
	Epoch     uint32 // log epoch of the plan
	Group     uint16 // number of the group in the plan
	Partition int32
	Offset    int64
	Index     uint32
}

// CauseSize is the length of a packed cause.
const CauseSize = 4 + 2 + 4 + 8 + 4

// Pack encodes a cause for HeaderCause: fixed size, big endian, so that bytes compare like causes.
func (c Cause) Pack() []byte { return c.Append(make([]byte, 0, CauseSize)) }

// Append is Pack at the end of other bytes.
func (c Cause) Append(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, c.Epoch)
	b = binary.BigEndian.AppendUint16(b, c.Group)
	b = binary.BigEndian.AppendUint32(b, uint32(c.Partition))
	b = binary.BigEndian.AppendUint64(b, uint64(c.Offset))
	return binary.BigEndian.AppendUint32(b, c.Index)
}

// UnpackCause decodes HeaderCause.
func UnpackCause(b []byte) (Cause, error) {
	if len(b) != CauseSize {
		return Cause{}, fmt.Errorf("cause has %d bytes, want %d: the record was not written by this house", len(b), CauseSize)
	}
	return Cause{
		Epoch:     binary.BigEndian.Uint32(b[0:]),
		Group:     binary.BigEndian.Uint16(b[4:]),
		Partition: int32(binary.BigEndian.Uint32(b[6:])),
		Offset:    int64(binary.BigEndian.Uint64(b[10:])),
		Index:     binary.BigEndian.Uint32(b[18:]),
	}, nil
}

// Fold is the one function that folds a group's input into its table. It is pure: the same arguments give the same
// results for ever, on every owner. The processor, replay, explain, verify, the simulator and the tests all call it.
//
// row is the row's bytes before (nil = never met). next is nil exactly when the record is dropped: folded already (its
// offset is below row.through) or a repeat of a cause or client_seq that the row has; then out is empty too. Otherwise the
// row must be written, also when out is empty. An input that cannot be taken gives a dead letter among out.
type Fold func(rules uint32, row []byte, in *Record) (next []byte, out []Output)

// RulesKey is the key of the row that remembers which rules hold in a partition. No user can have this name. Its
// records are produced to each input partition by number, not by hash.
const RulesKey = "~rules"

// RulesAt reads the row of RulesKey (nil = none) and says which rules hold for the record at an offset.
type RulesAt func(row []byte, offset int64) uint32

// Machine is a group's fold with what the wire must know to run it.
type Machine struct {
	Group    Group
	Fold     Fold
	RulesAt  RulesAt
	MaxRules uint32 // newest rules that this binary knows; a newer activation stops the partition
}
