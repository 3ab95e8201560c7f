// Registration of collectors that outlive one run of their owner.

// Package metric registers the wire's metrics.
package metric

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// Register registers a collector. If an earlier run of the same group or follower registered it, that one is returned. A nil
// registerer registers nothing.
func Register[C prometheus.Collector](r prometheus.Registerer, c C) C {
	if r == nil {
		return c
	}
	var already prometheus.AlreadyRegisteredError
	if err := r.Register(c); errors.As(err, &already) {
		if old, ok := already.ExistingCollector.(C); ok {
			return old
		}
	}
	return c
}
