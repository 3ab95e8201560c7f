// The log drawer: what the topics of the plan say, as it grows. For one's own machine; closed unless cmd opens it.

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
	maxDrawers  = 8                // log drawers that are open at once
	drawerQueue = 1_024            // lines that wait for one; more are dropped and counted
	drawerAlive = 15 * time.Second // between signs of life
)

// logLine is one record, summarised: never its text, which is sealed anyhow.
type logLine struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"`
	Key       string `json:"key"`
	TimeMS    int64  `json:"time_ms"`
	Envelope  string `json:"envelope"`
	Word      string `json:"word"`
	Seq       uint64 `json:"seq,omitempty"`
	Size      int    `json:"size"`
	Missed    int    `json:"missed,omitempty"` // lines dropped before this one
}

// summarise says what a record is without saying what is in it.
func summarise(plan topology.Plan, r topology.Record) logLine {
	line := logLine{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Key: r.Key, TimeMS: r.Time.UnixMilli(), Size: len(r.Value), Word: "none"}
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
		line.Word = "undecodable"
		return line
	}
	line.Word, line.Seq = deepWord(message), number(message)
	return line
}

// deepWord names the word of an envelope and, where it carries another envelope, that one's word too.
func deepWord(m protoreflect.Message) string {
	word := oneofWord(m)
	oneofs := m.Descriptor().Oneofs()
	if oneofs.Len() == 0 {
		return word
	}
	field := m.WhichOneof(oneofs.Get(0))
	if field == nil || field.Message() == nil {
		return word
	}
	inner := m.Get(field).Message()
	if event := inner.Descriptor().Fields().ByName("event"); event != nil && event.Message() != nil && inner.Has(event) {
		inner = inner.Get(event).Message()
	}
	if inner.Descriptor().Oneofs().Len() > 0 {
		return word + " " + oneofWord(inner)
	}
	return word
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

// log streams lines as server-sent events.
func (g *Gateway) log(w http.ResponseWriter, r *http.Request) {
	select {
	case g.drawers <- struct{}{}:
		defer func() { <-g.drawers }()
	default:
		http.Error(w, "too many log drawers are open", http.StatusTooManyRequests)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	out := http.NewResponseController(w)
	fmt.Fprint(w, ": the log, as it grows\n\n")
	if out.Flush() != nil {
		return
	}
	lines := make(chan logLine, drawerQueue)
	ended := make(chan error, 1)
	go func() {
		missed := 0
		ended <- g.cfg.Tail(r.Context(), func(record topology.Record) {
			line := summarise(g.cfg.Plan, record)
			line.Missed = missed
			select {
			case lines <- line:
				missed = 0
			default:
				missed++
			}
		})
	}()
	g.writeLines(w, r, out, lines, ended)
}

func (g *Gateway) writeLines(w http.ResponseWriter, r *http.Request, out *http.ResponseController, lines <-chan logLine, ended <-chan error) {
	alive := time.NewTicker(drawerAlive)
	defer alive.Stop()
	for {
		select {
		case <-r.Context().Done():
			return
		case <-ended:
			return
		case <-alive.C:
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
