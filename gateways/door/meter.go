// The metrics of connections.

package door

import (
	"reflect"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-im/parley/gateways/session"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// Outcomes of a client's frame.
const (
	taken = iota
	throttled
	garbled
)

// Outcomes of a command.
const (
	kept = iota
	failed
	overloaded
)

var (
	frameOutcomes   = [...]string{taken: "taken", throttled: "throttled", garbled: "garbled"}
	commandOutcomes = [...]string{kept: "kept", failed: "failed", overloaded: "overloaded"}
)

// meter counts. The counters of what happens for every message are resolved once, by what is at hand.
type meter struct {
	connections prometheus.Gauge
	turnedAway  prometheus.Counter
	frames      *prometheus.CounterVec         // word, outcome
	answers     *prometheus.CounterVec         // word
	closed      *prometheus.CounterVec         // reason
	commands    *prometheus.CounterVec         // topic, outcome
	receivedOf  map[reflect.Type][]lazyCounter // by Go's type of the payload
	sentOf      map[reflect.Type]lazyCounter   // by Go's type of the payload
	producedOf  map[string][]lazyCounter       // by topic
	repairs     prometheus.Counter
	cut         prometheus.Counter
}

func newMeter(r prometheus.Registerer) *meter {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "parley", Subsystem: "gateway", Name: name, Help: help})
	}
	counters := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "parley", Subsystem: "gateway", Name: name, Help: help}, labels)
	}
	m := &meter{
		connections: prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "parley", Subsystem: "gateway", Name: "connections", Help: "Sessions that are open."}),
		turnedAway:  counter("turned_away_total", "Connections that were not let in."),
		frames:      counters("client_frames_total", "Frames of clients, by payload and outcome.", "word", "outcome"),
		answers:     counters("server_frames_total", "Frames to clients, by payload.", "word"),
		closed:      counters("closed_total", "Sessions that ended, by reason.", "reason"),
		commands:    counters("commands_total", "Commands produced to the log, by topic and outcome.", "topic", "outcome"),
		repairs:     counter("repairs_total", "Differences asked for sessions."),
		cut:         counter("slow_cut_total", "Slow clients that were cut."),
	}
	m.resolve()
	if r != nil {
		r.MustRegister(m.connections, m.turnedAway, m.frames, m.answers, m.closed, m.commands, m.repairs, m.cut)
	}
	return m
}

// lazyCounter resolves its labels when it first counts, so that what never happens exports no series.
type lazyCounter func() prometheus.Counter

func lazy(in *prometheus.CounterVec, labels ...string) lazyCounter {
	return sync.OnceValue(func() prometheus.Counter { return in.WithLabelValues(labels...) })
}

// resolve prepares the counters of every message.
func (m *meter) resolve() {
	m.receivedOf, m.sentOf, m.producedOf = map[reflect.Type][]lazyCounter{}, map[reflect.Type]lazyCounter{}, map[string][]lazyCounter{}
	for payload, name := range clientPayloads {
		for _, outcome := range frameOutcomes {
			m.receivedOf[payload] = append(m.receivedOf[payload], lazy(m.frames, name, outcome))
		}
	}
	for payload, name := range serverPayloads {
		m.sentOf[payload] = lazy(m.answers, name)
	}
	for _, topic := range []string{session.OutboxCommands, session.BookmarkCommands, session.AccountCommands} {
		for _, outcome := range commandOutcomes {
			m.producedOf[topic] = append(m.producedOf[topic], lazy(m.commands, topic, outcome))
		}
	}
}

// sent counts frames to clients.
func (m *meter) sent(frames []*pb.ServerFrame) {
	for _, frame := range frames {
		m.sentOf[reflect.TypeOf(frame.GetWord())]().Inc()
	}
}

// received counts a frame of a client; nil when it could not be decoded.
func (m *meter) received(frame *pb.ClientFrame, outcome int) {
	m.receivedOf[reflect.TypeOf(frame.GetWord())][outcome]().Inc()
}

// produced counts a command.
func (m *meter) produced(topic string, outcome int) { m.producedOf[topic][outcome]().Inc() }

// ended counts the end of a session.
func (m *meter) ended(reason session.Reason) {
	names := [...]string{"ended", "misused", "unauthenticated", "hello_late", "restarting", "overwhelmed"}
	name := "other"
	if int(reason) < len(names) {
		name = names[reason]
	}
	m.closed.WithLabelValues(name).Inc()
}
