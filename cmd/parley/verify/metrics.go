// The metrics of an auditor that follows.

package verify

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-im/parley/processors/audit"
)

// logEvery is how often the process log says how far everything is verified.
const logEvery = 30 * time.Second

// auditMetrics are what an operator watches.
type auditMetrics struct {
	offset     *prometheus.GaugeVec
	violations *prometheus.CounterVec
	counted    map[audit.Law]int64 // violations that the metric has
	pending    prometheus.Gauge
	oldest     prometheus.Gauge
	repeats    prometheus.Gauge
	unseen     prometheus.Gauge
	until      prometheus.Gauge
	logged     time.Time
}

func newAuditMetrics(r prometheus.Registerer) *auditMetrics {
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: "parley_audit_" + name, Help: help})
	}
	m := &auditMetrics{
		counted: map[audit.Law]int64{},
		offset: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "parley_audit_verified_offset",
			Help: "Offset below which every record is as the fold produces it, or was reported as a violation."}, []string{"topic", "partition"}),
		violations: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "parley_audit_violations_total",
			Help: "Violations since the auditor's memory began. Should stay 0."}, []string{"law"}),
		pending: gauge("pending_commands", "Commands of devices that have no outcome yet."),
		oldest:  gauge("oldest_pending_seconds", "Age of the oldest of them."),
		repeats: gauge("repeated_outputs", "Outputs that are in the log more than once, with the same bytes."),
		until:   gauge("verified_timestamp_seconds", "Everything written before this time is verified, or was reported as a violation; 0 = not yet."),
		unseen:  gauge("unseen_outputs", "Outputs that the fold produces and the log does not have yet."),
	}
	r.MustRegister(m.offset, m.violations, m.pending, m.oldest, m.repeats, m.unseen, m.until)
	return m
}

// update sets the metrics, and logs from time to time.
func (m *auditMetrics) update(e *engine) {
	e.mu.Lock()
	defer e.mu.Unlock()
	c := e.auditor.Counts()
	total := int64(0)
	for at, through := range e.auditor.Verified() {
		m.offset.WithLabelValues(at.Topic, strconv.Itoa(int(at.Partition))).Set(float64(through))
		total += through
	}
	for _, law := range audit.Laws {
		m.violations.WithLabelValues(string(law)).Add(float64(c.Violations[law] - m.counted[law]))
		m.counted[law] = c.Violations[law]
	}
	m.pending.Set(float64(c.Pending))
	m.repeats.Set(float64(c.Repeats))
	m.unseen.Set(float64(c.Unseen))
	if !e.until.IsZero() {
		m.until.Set(float64(e.until.Unix()))
	}
	age := time.Duration(0)
	if oldest := e.auditor.OldestPending(); oldest > 0 {
		age = time.Since(time.UnixMilli(oldest))
	}
	m.oldest.Set(age.Seconds())
	if time.Since(m.logged) >= logEvery {
		m.logged = time.Now()
		e.log.Info("verified", "records", total, "outputs", c.Verified, "repeats", c.Repeats, "pending", c.Pending,
			"oldest", age.Round(time.Second), "violations", c.Total())
	}
}
