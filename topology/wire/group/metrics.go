// The metrics of a group, each with its help text.

package group

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-im/parley/topology/wire/metric"
	"github.com/parley-im/parley/topology/wire/store"
)

// metrics are a group's. Every name begins with parley_group_ and carries the label group.
type metrics struct {
	folded, dropped, outputs prometheus.Counter
	store                    store.Metrics
	wiped, removed           prometheus.Counter
	refolded                 prometheus.Counter
	takeovers, rewound       prometheus.Counter
	suspects, rewritten      prometheus.Counter
	retired, fenced          prometheus.Counter
	alarms                   *prometheus.CounterVec
	lag                      *prometheus.GaugeVec
	unacked                  prometheus.GaugeFunc
	takeoverSeconds          prometheus.Histogram
}

func newMetrics(r prometheus.Registerer, group string, unacked func() float64) *metrics {
	labels := prometheus.Labels{"group": group}
	counter := func(name, help string) prometheus.Counter {
		return metric.Register(r, prometheus.NewCounter(prometheus.CounterOpts{Name: "parley_group_" + name, Help: help, ConstLabels: labels}))
	}
	m := &metrics{
		folded:  counter("folded_total", "Inputs that were taken."),
		dropped: counter("dropped_total", "Inputs that were dropped: folded already, or repeats."),
		outputs: counter("outputs_total", "Outputs handed over."),
		store: store.Metrics{
			Refused: counter("stale_rows_total", "Changelog records that lost to a row with a higher through."),
			Tainted: counter("tainted_rows_total", "Changelog records written by a stale owner after a takeover."),
			Foreign: counter("foreign_records_total", "Sessions in which another process wrote to a changelog partition of this owner."),
		},
		wiped:     counter("stores_wiped_total", "Partitions of the local store that were ahead of their log."),
		removed:   counter("stores_removed_total", "Local stores that were broken, and are read again from the changelog."),
		refolded:  counter("commits_lost_total", "Partitions whose commit was gone, and which are folded again from their beginning."),
		takeovers: counter("takeovers_total", "Partitions taken over."),
		rewound:   counter("rewound_inputs_total", "Inputs folded again because a key was suspect."),
		suspects:  counter("suspect_keys_total", "Keys found suspect at a takeover."),
		rewritten: counter("rewritten_rows_total", "Suspect rows rewritten past the old commit."),
		retired:   counter("retired_takeovers_total", "Older takeover records tombstoned."),
		fenced:    counter("fenced_total", "Takeovers refused because a later owner was assigned."),
	}
	m.alarms = metric.Register(r, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "parley_group_alarms_total", Help: "Stops so that nothing is lost silently.", ConstLabels: labels}, []string{"kind"}))
	m.lag = metric.Register(r, prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "parley_group_lag_records", Help: "Inputs between the commit and the end of the log.", ConstLabels: labels}, []string{"partition"}))
	m.unacked = metric.Register(r, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "parley_group_unacked_records", Help: "Records handed to the producer and not acked.", ConstLabels: labels}, unacked))
	m.takeoverSeconds = metric.Register(r, prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "parley_group_takeover_seconds", Help: "From the recovered table to the first input.", ConstLabels: labels,
		Buckets: []float64{0.01, 0.03, 0.1, 0.3, 1, 3, 10}}))
	return m
}
