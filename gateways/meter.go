// What a gateway counts.

package gateways

import (
	"reflect"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-im/parley/gateways/session"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// What becomes of a frame of a client.
const (
	taken = iota
	throttled
	garbled
)

// What becomes of a command.
const (
	kept = iota
	failed
	overloaded
)

var (
	frameOutcomes   = [...]string{taken: "taken", throttled: "throttled", garbled: "garbled"}
	commandOutcomes = [...]string{kept: "kept", failed: "failed", overloaded: "overloaded"}
)

// meter counts. The counters of what happens for every message are looked up once, by what is at hand.
type meter struct {
	connections prometheus.Gauge
	turnedAway  prometheus.Counter
	frames      *prometheus.CounterVec   // word, outcome
	answers     *prometheus.CounterVec   // word
	closed      *prometheus.CounterVec   // reason
	commands    *prometheus.CounterVec   // topic, outcome
	heardOf     map[reflect.Type][]tally // of frames, by Go's type of the word
	saidOf      map[reflect.Type]tally   // of answers
	producedOf  map[string][]tally       // of commands, by topic
	pushed      prometheus.Counter
	dropped     prometheus.Counter
	repairs     prometheus.Counter
	cut         prometheus.Counter
	links       prometheus.Gauge
}

func newMeter(r prometheus.Registerer) *meter {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "parley", Subsystem: "gateway", Name: name, Help: help})
	}
	counters := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "parley", Subsystem: "gateway", Name: name, Help: help}, labels)
	}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "parley", Subsystem: "gateway", Name: name, Help: help})
	}
	m := &meter{
		connections: gauge("connections", "Sessions that are open."),
		turnedAway:  counter("turned_away_total", "Connections that were not let in."),
		frames:      counters("client_frames_total", "Frames of clients, by word and what became of them.", "word", "outcome"),
		answers:     counters("server_frames_total", "Frames to clients, by word.", "word"),
		closed:      counters("closed_total", "Sessions that ended, by reason.", "reason"),
		commands:    counters("commands_total", "Commands handed to the log, by topic and outcome.", "topic", "outcome"),
		pushed:      counter("pushes_total", "Records that dispatchers pushed."),
		dropped:     counter("pushes_dropped_total", "Pushes that were dropped, and are repaired."),
		repairs:     counter("repairs_total", "Differences asked for sessions."),
		cut:         counter("slow_cut_total", "Slow clients that were cut."),
		links:       gauge("dispatchers", "Dispatchers that this gateway is attached to."),
	}
	m.resolve()
	if r != nil {
		r.MustRegister(m.connections, m.turnedAway, m.frames, m.answers, m.closed, m.commands, m.pushed, m.dropped, m.repairs, m.cut, m.links)
	}
	return m
}

// tally is a counter that is looked up by its labels when it first counts, so that what never happens shows no line.
type tally func() prometheus.Counter

func lookedUp(in *prometheus.CounterVec, labels ...string) tally {
	return sync.OnceValue(func() prometheus.Counter { return in.WithLabelValues(labels...) })
}

// resolve makes the counters of every message ready.
func (m *meter) resolve() {
	m.heardOf, m.saidOf, m.producedOf = map[reflect.Type][]tally{}, map[reflect.Type]tally{}, map[string][]tally{}
	for word, name := range clientWords {
		for _, outcome := range frameOutcomes {
			m.heardOf[word] = append(m.heardOf[word], lookedUp(m.frames, name, outcome))
		}
	}
	for word, name := range serverWords {
		m.saidOf[word] = lookedUp(m.answers, name)
	}
	for _, topic := range []string{session.OutboxCommands, session.BookmarkCommands, session.AccountCommands} {
		for _, outcome := range commandOutcomes {
			m.producedOf[topic] = append(m.producedOf[topic], lookedUp(m.commands, topic, outcome))
		}
	}
}

// said counts frames to clients.
func (m *meter) said(frames []*pb.ServerFrame) {
	for _, frame := range frames {
		m.saidOf[reflect.TypeOf(frame.GetWord())]().Inc()
	}
}

// heard counts a frame of a client; nil when it could not be read.
func (m *meter) heard(frame *pb.ClientFrame, outcome int) {
	m.heardOf[reflect.TypeOf(frame.GetWord())][outcome]().Inc()
}

// produced counts a command.
func (m *meter) produced(topic string, outcome int) { m.producedOf[topic][outcome]().Inc() }

func closeWord(reason session.Reason) string {
	words := [...]string{"ended", "misused", "unauthenticated", "hello_late", "restarting", "overwhelmed"}
	if int(reason) < len(words) {
		return words[reason]
	}
	return "other"
}
