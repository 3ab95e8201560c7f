// The admin address of a process: /livez, /readyz, /metrics and, if asked for, profiles.

package endpoint

import (
	"context"
	"net/http"
	"net/http/pprof"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/parley-im/parley/cmd/parley/settings"
)

// NewRegistry is a metrics registry with the process's and the Go runtime's own metrics.
func NewRegistry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// ServeAdmin serves the admin address until the context ends.
func ServeAdmin(ctx context.Context, s settings.Settings, ready *Readiness, metrics *prometheus.Registry) error {
	return Serve(ctx, "admin", s.Admin, adminHandler(s, ready, metrics))
}

func adminHandler(s settings.Settings, ready *Readiness, metrics *prometheus.Registry) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.Handle("GET /readyz", ready)
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}))
	if s.Profile {
		addProfiles(mux)
	}
	return mux
}

// Sampling rates of the profiles.
const (
	mutexFraction = 100                    // one of so many waits for a lock is sampled
	blockRate     = 100 * time.Microsecond // one wait is sampled per so much time spent waiting
)

// addProfiles serves profiles. A setting turns them on, because they cost the process something. They are served here only,
// because names of functions must not be public.
func addProfiles(mux *http.ServeMux) {
	runtime.SetMutexProfileFraction(mutexFraction)
	runtime.SetBlockProfileRate(int(blockRate))
	mux.HandleFunc("GET /debug/pprof/", pprof.Index) // serves allocs, mutex, block and the like too
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
}
