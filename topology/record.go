// Records, outputs and their headers, without any Kafka library.

package topology

import "time"

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
	HeaderCorrelation = "corr"        // id of the command at the start of the chain (16 bytes, UUIDv7)
	HeaderTrace       = "traceparent" // W3C trace context
	HeaderLane        = "lane"        // swimlane; absent = the main one
	HeaderGeneration  = "gen"         // on changelog records: the takeover offset of the writer (8 bytes, big endian)
)

// inherited are the headers that an output has from its input, sorted by name. They are copied and never made anew: two
// owners, one of them stale, must write the same bytes.
var inherited = [...]string{HeaderCorrelation, HeaderLane, HeaderTrace}

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

	// Panic is not part of the record. It is the message of a panic in an earlier owner's machine, as the table keeps it. The
	// fold then skips the record as that owner did, even if this build's machine would not panic.
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

// Inherited are the headers that every output of this record gets behind its cause.
func (r *Record) Inherited() []Header {
	headers := make([]Header, 0, len(inherited))
	for _, name := range inherited {
		if v := r.Get(name); v != nil {
			headers = append(headers, Header{Key: name, Value: v})
		}
	}
	return headers
}

// Output is a record that a fold emits. The wire chooses the partition by the key and adds the headers.
type Output struct {
	Topic string
	Key   string
	Value []byte // read-only: outputs to many receivers share it

	// Panic is the message of the machine's panic when this output is the dead letter of it. Another build may not panic, so
	// the table must hold the message before the dead letter is emitted.
	Panic string
}
