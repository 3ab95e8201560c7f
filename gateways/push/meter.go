// The metrics of pushes.

package push

import "github.com/prometheus/client_golang/prometheus"

type meter struct {
	pushed  prometheus.Counter
	dropped prometheus.Counter
	links   prometheus.Gauge
}

func newMeter(r prometheus.Registerer) *meter {
	opts := func(name, help string) prometheus.Opts {
		return prometheus.Opts{Namespace: "parley", Subsystem: "gateway", Name: name, Help: help}
	}
	m := &meter{
		pushed:  prometheus.NewCounter(prometheus.CounterOpts(opts("pushes_total", "Records that dispatchers pushed."))),
		dropped: prometheus.NewCounter(prometheus.CounterOpts(opts("pushes_dropped_total", "Pushes that were dropped, and are repaired."))),
		links:   prometheus.NewGauge(prometheus.GaugeOpts(opts("dispatchers", "Dispatchers that this gateway is attached to."))),
	}
	if r != nil {
		r.MustRegister(m.pushed, m.dropped, m.links)
	}
	return m
}
