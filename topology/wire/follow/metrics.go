// What is measured of a follower.

package follow

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire/metric"
)

type metrics struct {
	lag     *prometheus.GaugeVec
	records *prometheus.CounterVec
	retries *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer, follower string) *metrics {
	labels := prometheus.Labels{"follower": follower}
	return &metrics{
		lag: metric.Register(r, prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "parley_follower_lag_records", Help: "Records between the last one handled and the end of the log.", ConstLabels: labels},
			[]string{"topic", "partition"})),
		records: metric.Register(r, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "parley_follower_records_total", Help: "Records handled.", ConstLabels: labels}, []string{"topic"})),
		retries: metric.Register(r, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "parley_follower_retries_total", Help: "Batches that their handler could not take.", ConstLabels: labels}, []string{"topic"})),
	}
}

func (m *metrics) setLag(tp topology.TopicPartition, records int64) {
	m.lag.WithLabelValues(tp.Topic, strconv.Itoa(int(tp.Partition))).Set(float64(records))
}

func (m *metrics) dropLag(tp topology.TopicPartition) {
	m.lag.DeleteLabelValues(tp.Topic, strconv.Itoa(int(tp.Partition)))
}
