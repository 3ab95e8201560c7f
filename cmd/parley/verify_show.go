// How an auditor shows itself: metrics, a line for each violation, and a bar for whoever watches.

package main

import (
	"os"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/parley-im/parley/processors/audit"
)

// showEvery is how often the log tells how far everything is verified.
const showEvery = 30 * time.Second

// auditMetrics are what an operator watches.
type auditMetrics struct {
	offset     *prometheus.GaugeVec
	violations *prometheus.CounterVec
	told       map[audit.Law]int64 // violations that the metric has
	pending    prometheus.Gauge
	oldest     prometheus.Gauge
	repeats    prometheus.Gauge
	unseen     prometheus.Gauge
	until      prometheus.Gauge
	said       time.Time
}

func newAuditMetrics(r prometheus.Registerer) *auditMetrics {
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: "parley_audit_" + name, Help: help})
	}
	m := &auditMetrics{
		told: map[audit.Law]int64{},
		offset: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "parley_audit_verified_offset",
			Help: "Offset below which every record stands as the fold says, or was told as a violation."}, []string{"topic", "partition"}),
		violations: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "parley_audit_violations_total",
			Help: "Violations since the auditor's memory began. Should stay 0."}, []string{"law"}),
		pending: gauge("pending_commands", "Commands of devices that have no outcome yet."),
		oldest:  gauge("oldest_pending_seconds", "Age of the oldest of them."),
		repeats: gauge("repeated_outputs", "Outputs that stand in the log once more, byte by byte the same."),
		until:   gauge("verified_timestamp_seconds", "Everything that was written before this time is verified, or was told as a violation; 0 = not yet."),
		unseen:  gauge("unseen_outputs", "Outputs that the fold says and the log does not have yet."),
	}
	r.MustRegister(m.offset, m.violations, m.pending, m.oldest, m.repeats, m.unseen, m.until)
	return m
}

// show sets the metrics, and tells the log now and then.
func (m *auditMetrics) show(w *auditing) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.auditor.Counts()
	total := int64(0)
	for at, through := range w.auditor.Verified() {
		m.offset.WithLabelValues(at.Topic, strconv.Itoa(int(at.Partition))).Set(float64(through))
		total += through
	}
	for _, law := range audit.Laws {
		m.violations.WithLabelValues(string(law)).Add(float64(c.Violations[law] - m.told[law]))
		m.told[law] = c.Violations[law]
	}
	m.pending.Set(float64(c.Pending))
	m.repeats.Set(float64(c.Repeats))
	m.unseen.Set(float64(c.Unseen))
	if !w.until.IsZero() {
		m.until.Set(float64(w.until.Unix()))
	}
	age := time.Duration(0)
	if oldest := w.auditor.OldestPending(); oldest > 0 {
		age = time.Since(time.UnixMilli(oldest))
	}
	m.oldest.Set(age.Seconds())
	if time.Since(m.said) >= showEvery {
		m.said = time.Now()
		w.log.Info("verified", "records", total, "outputs", c.Verified, "repeats", c.Repeats, "pending", c.Pending,
			"oldest", age.Round(time.Second), "violations", c.Total())
	}
}

// bar shows how far something long is, to whoever sits at a terminal. Its zero value shows nothing.
type bar struct {
	all  *mpb.Progress
	line *mpb.Bar
}

func newBar(what string) *bar {
	if info, err := os.Stderr.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return &bar{}
	}
	b := &bar{all: mpb.New(mpb.WithOutput(os.Stderr), mpb.WithWidth(60))}
	b.line = b.all.AddBar(0, mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(decor.Name(what+" ")),
		mpb.AppendDecorators(decor.CountersNoUnit("%d of %d records"), decor.Name(", "), decor.AverageSpeed(0, "%.0f records/s"), decor.Name(", "), decor.AverageETA(decor.ET_STYLE_GO), decor.Name(" left")))
	return b
}

// set says how much is done.
func (b *bar) set(done, of int64) {
	if b.line != nil {
		b.line.SetTotal(of, false)
		b.line.SetCurrent(done)
	}
}

func (b *bar) done() {
	if b.line != nil {
		b.line.SetTotal(-1, true)
		b.all.Wait()
	}
}
