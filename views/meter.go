// What a view shows of itself: how much it folded, where it is, and what should never happen.

package views

import (
	"errors"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

// meter holds the metrics of one view.
type meter struct {
	records prometheus.Counter
	place   *prometheus.GaugeVec
	rewinds prometheus.Counter
	holes   prometheus.Counter
	skips   prometheus.Counter
}

func newMeter(registerer prometheus.Registerer, view string) (*meter, error) {
	labels := prometheus.Labels{"view": view}
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help, ConstLabels: labels})
	}
	m := &meter{
		records: counter("parley_view_records_total", "Records folded into the store."),
		rewinds: counter("parley_view_rewinds_total", "Times the store had lost its place and was folded again. Should stay 0."),
		holes:   counter("parley_view_holes_total", "Times the log or the store lacked what comes before a record. Should stay 0."),
		skips:   counter("parley_view_skipped_total", "Records that cannot be folded and were left out. Should stay 0."),
		place: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "parley_view_place", Help: "Next offset to be folded.", ConstLabels: labels}, []string{"partition"}),
	}
	if registerer == nil {
		return m, nil
	}
	var failed error
	for _, collector := range []prometheus.Collector{m.records, m.rewinds, m.holes, m.skips, m.place} {
		failed = errors.Join(failed, registerer.Register(collector))
	}
	return m, failed
}

func (m *meter) folded(partition int32, records int, next int64) {
	m.records.Add(float64(records))
	m.place.WithLabelValues(strconv.Itoa(int(partition))).Set(float64(next))
}
