// The log feed: a summary of each record of the plan's topics, as it is written. For development; closed unless cmd opens it.

package gateways

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/parley-im/parley/topology"
)

const (
	maxLogFeeds      = 8                // that are open at once
	logFeedQueue     = 1_024            // lines that wait for one; more are dropped and counted
	logFeedKeepalive = 15 * time.Second // between comments that keep the connection open
)

// logLine summarises one record: never its text, which is sealed anyhow.
type logLine struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"`
	Key       string `json:"key"`
	TimeMS    int64  `json:"time_ms"`
	Envelope  string `json:"envelope"`
	Payload   string `json:"word"`
	Seq       uint64 `json:"seq,omitempty"`
	Size      int    `json:"size"`
	Missed    int    `json:"missed,omitempty"` // lines dropped before this one
}

// summarise names a record's payload and number.
func summarise(plan topology.Plan, r topology.Record) logLine {
	line := logLine{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Key: r.Key, TimeMS: r.Time.UnixMilli(), Size: len(r.Value), Payload: "none"}
	topic, ok := plan.Topic(r.Topic)
	if !ok {
		return line
	}
	line.Envelope = topic.Envelope
	kind, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName("parley.v1." + topic.Envelope))
	if err != nil {
		return line
	}
	message := kind.New()
	if proto.Unmarshal(r.Value, message.Interface()) != nil {
		line.Payload = "undecodable"
		return line
	}
	line.Payload, line.Seq = payloads(message), number(message)
	return line
}

// payloads names the payload of an envelope and, where that carries another envelope, the inner payload too.
func payloads(m protoreflect.Message) string {
	outer := payload(m)
	oneofs := m.Descriptor().Oneofs()
	if oneofs.Len() == 0 {
		return outer
	}
	field := m.WhichOneof(oneofs.Get(0))
	if field == nil || field.Message() == nil {
		return outer
	}
	inner := m.Get(field).Message()
	if event := inner.Descriptor().Fields().ByName("event"); event != nil && event.Message() != nil && inner.Has(event) {
		inner = inner.Get(event).Message()
	}
	if inner.Descriptor().Oneofs().Len() > 0 {
		return outer + " " + payload(inner)
	}
	return outer
}

// payload is the field name of the first oneof that is set in a message.
func payload(m protoreflect.Message) string {
	oneofs := m.Descriptor().Oneofs()
	for i := range oneofs.Len() {
		if field := m.WhichOneof(oneofs.Get(i)); field != nil {
			return string(field.Name())
		}
	}
	return "none"
}

// number is the dense number of an event, whatever it is called.
func number(m protoreflect.Message) uint64 {
	for _, name := range []protoreflect.Name{"inbox_seq", "seq", "version", "client_seq"} {
		if f := m.Descriptor().Fields().ByName(name); f != nil && f.Kind() == protoreflect.Uint64Kind {
			return m.Get(f).Uint()
		}
	}
	return 0
}

// logFeed serves lines as server-sent events.
type logFeed struct {
	plan  topology.Plan
	tail  Tail
	slots chan struct{} // one for each feed that is open
}

func newLogFeed(plan topology.Plan, tail Tail) *logFeed {
	return &logFeed{plan: plan, tail: tail, slots: make(chan struct{}, maxLogFeeds)}
}

// ServeHTTP streams until the client goes.
func (f *logFeed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	select {
	case f.slots <- struct{}{}:
		defer func() { <-f.slots }()
	default:
		http.Error(w, "too many log feeds are open", http.StatusTooManyRequests)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	out := http.NewResponseController(w)
	fmt.Fprint(w, ": the log, as it grows\n\n")
	if out.Flush() != nil {
		return
	}
	lines := make(chan logLine, logFeedQueue)
	ended := make(chan error, 1)
	go func() {
		missed := 0
		ended <- f.tail(r.Context(), func(record topology.Record) {
			line := summarise(f.plan, record)
			line.Missed = missed
			select {
			case lines <- line:
				missed = 0
			default:
				missed++
			}
		})
	}()
	write(w, r, out, lines, ended)
}

func write(w http.ResponseWriter, r *http.Request, out *http.ResponseController, lines <-chan logLine, ended <-chan error) {
	keepalive := time.NewTicker(logFeedKeepalive)
	defer keepalive.Stop()
	for {
		select {
		case <-r.Context().Done():
			return
		case <-ended:
			return
		case <-keepalive.C:
			fmt.Fprint(w, ": still here\n\n")
		case line := <-lines:
			text, err := json.Marshal(line)
			if err != nil {
				return
			}
			fmt.Fprintf(w, "data: %s\n\n", text)
		}
		if out.Flush() != nil {
			return
		}
	}
}
