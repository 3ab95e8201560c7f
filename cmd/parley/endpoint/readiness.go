// Whether a process is ready, as the sum of its parts.

package endpoint

import (
	"encoding/json"
	"net/http"
	"sort"
	"sync"
)

// Readiness knows which parts of a process are ready. The process is ready when all of them are.
type Readiness struct {
	mu    sync.Mutex
	parts map[string]bool
	full  chan struct{} // closed when all parts are ready for the first time
}

// NewReadiness knows the parts, none of which is ready.
func NewReadiness(parts ...string) *Readiness {
	r := &Readiness{parts: map[string]bool{}, full: make(chan struct{})}
	for _, p := range parts {
		r.parts[p] = false
	}
	return r
}

// Set notes whether a part is ready.
func (r *Readiness) Set(part string, ready bool) {
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

// Full is closed when all parts are ready for the first time.
func (r *Readiness) Full() <-chan struct{} { return r.full }

func (r *Readiness) missing() []string {
	missing := []string{}
	for p, ok := range r.parts {
		if !ok {
			missing = append(missing, p)
		}
	}
	sort.Strings(missing)
	return missing
}

func (r *Readiness) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	r.mu.Lock()
	missing := r.missing()
	r.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	if len(missing) > 0 {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"ready": len(missing) == 0, "waiting_for": missing})
}
