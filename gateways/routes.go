// The routes of a gateway, and what browsers are told about the page.

package gateways

import (
	"net/http"

	"github.com/parley-im/parley/gateways/websocket"

	doors "github.com/parley-im/parley/gateways/http"
)

// contentSecurity lets the page load its own files and talk to its own gateway, and nothing else.
const contentSecurity = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; " +
	"connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// routes opens the doors on one mux.
func (g *Gateway) routes() http.Handler {
	mux := g.cfg.Mux
	if mux == nil {
		mux = http.NewServeMux()
	}
	mux.Handle("/v1/ws", websocket.New(websocket.Config{Door: g, Origins: g.cfg.Origins, Address: g.address,
		Cut: func() { g.meter.cut.Inc() }, Log: g.cfg.Logger}))
	doors.Register(mux, doors.Config{Door: g, Verify: g.cfg.Verifier.Verify, Address: g.address})
	if g.cfg.Tail != nil {
		mux.HandleFunc("GET /v1/log", g.log)
	}
	if g.cfg.Static != nil {
		mux.Handle("/", http.FileServerFS(g.cfg.Static))
	}
	return guarded(mux)
}

// guarded tells browsers to be strict, whatever is answered.
func guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentSecurity)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		next.ServeHTTP(w, r)
	})
}
