// The operators' door of a process: alive, ready, metrics. It listens on an address of its own, never the public one.

package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"runtime"
	"sort"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// readiness knows which parts of a process are ready. The process is ready when all of them are.
type readiness struct {
	mu    sync.Mutex
	parts map[string]bool
	full  chan struct{} // closed when all parts are ready for the first time
}

func newReadiness(parts ...string) *readiness {
	r := &readiness{parts: map[string]bool{}, full: make(chan struct{})}
	for _, p := range parts {
		r.parts[p] = false
	}
	return r
}

// set notes whether a part is ready.
func (r *readiness) set(part string, ready bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.parts[part] = ready
	if len(r.missing()) > 0 {
		return
	}
	select {
	case <-r.full:
	default:
		close(r.full)
	}
}

func (r *readiness) missing() []string {
	missing := []string{}
	for p, ok := range r.parts {
		if !ok {
			missing = append(missing, p)
		}
	}
	sort.Strings(missing)
	return missing
}

func (r *readiness) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	r.mu.Lock()
	missing := r.missing()
	r.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	if len(missing) > 0 {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"ready": len(missing) == 0, "waiting_for": missing})
}

// newRegistry is a metrics registry with the process's and the runtime's own figures.
func newRegistry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// serveAdmin answers until the context ends.
func serveAdmin(ctx context.Context, s Settings, ready *readiness, metrics *prometheus.Registry) error {
	return serveHTTP(ctx, "admin", s.Admin, adminDoor(s, ready, metrics))
}

func adminDoor(s Settings, ready *readiness, metrics *prometheus.Registry) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.Handle("GET /readyz", ready)
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}))
	if s.Profile {
		profiles(mux)
	}
	return mux
}

// profiles lets operators look where a process spends its time. They are asked for by a setting, because a profile costs the
// process something; and they are here alone, because names of functions are nobody else's business.
func profiles(mux *http.ServeMux) {
	runtime.SetMutexProfileFraction(locksLooked)
	runtime.SetBlockProfileRate(int(waitsLooked))
	mux.HandleFunc("GET /debug/pprof/", pprof.Index) // allocs, mutex, block and the like are under it
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
}

const (
	locksLooked = 100                    // of so many waits for a lock one is in the profile
	waitsLooked = 100 * time.Microsecond // of so much waiting, for whatever it is, one is in the profile

	headerTimeout   = 5 * time.Second
	shutdownTimeout = 5 * time.Second
)

// serveHTTP serves until the context ends, then lets running requests finish for a while.
func serveHTTP(ctx context.Context, what, addr string, h http.Handler) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	slog.Info("listening", "what", what, "address", l.Addr().String())
	s := &http.Server{Handler: h, ReadHeaderTimeout: headerTimeout}
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		<-ctx.Done()
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
		defer cancel()
		_ = s.Shutdown(end)
	}()
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	<-stopped
	return nil
}
