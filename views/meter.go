// The metrics of a view: how much it folded, where it is, and what should never happen.

package views

import (
	"errors"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

// meter holds the metrics of one view.
type meter struct {
	records prometheus.Counter
	next    *prometheus.GaugeVec
	rewinds prometheus.Counter
	gaps    prometheus.Counter
	skips   prometheus.Counter
}

func newMeter(registerer prometheus.Registerer, view string) (*meter, error) {
	labels := prometheus.Labels{"view": view}
	var failed error
	counter := func(name, help string) prometheus.Counter {
		c, err := register(registerer, prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help, ConstLabels: labels}))
		failed = errors.Join(failed, err)
		return c
	}
	m := &meter{
		records: counter("parley_view_records_total", "Records folded into the store."),
		rewinds: counter("parley_view_rewinds_total", "Times the store had lost its checkpoint and was folded again. Should stay 0."),
		gaps:    counter("parley_view_holes_total", "Times the log or the store lacked what comes before a record. Should stay 0."),
		skips:   counter("parley_view_skipped_total", "Records that cannot be folded and were left out. Should stay 0."),
	}
	var err error
	m.next, err = register(registerer, prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "parley_view_place", Help: "Next offset to be folded.", ConstLabels: labels}, []string{"partition"}))
	return m, errors.Join(failed, err)
}

// register returns the collector that is there already when a view is started again in the same process.
func register[C prometheus.Collector](registerer prometheus.Registerer, collector C) (C, error) {
	if registerer == nil {
		return collector, nil
	}
	err := registerer.Register(collector)
	var already prometheus.AlreadyRegisteredError
	if errors.As(err, &already) {
		return already.ExistingCollector.(C), nil
	}
	return collector, err
}

func (m *meter) folded(partition int32, records int, next int64) {
	m.records.Add(float64(records))
	m.next.WithLabelValues(strconv.Itoa(int(partition))).Set(float64(next))
}
