// The routes of a gateway, and the security headers for browsers.

package gateways

import (
	"net/http"

	"github.com/parley-im/parley/gateways/door"
	"github.com/parley-im/parley/gateways/websocket"

	requests "github.com/parley-im/parley/gateways/http"
)

// contentSecurity lets the page load its own files and talk to its own gateway, and nothing else.
const contentSecurity = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; " +
	"connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// routes mounts the carriers, the log feed and the page on one mux.
func (g *Gateway) routes() http.Handler {
	mux := g.cfg.Mux
	if mux == nil {
		mux = http.NewServeMux()
	}
	address := func(r *http.Request) string { return door.Address(r, g.cfg.TrustProxy) }
	mux.Handle("/v1/ws", websocket.New(websocket.Config{Door: g.door, Origins: g.cfg.Origins, Address: address,
		Cut: g.door.CountSlow, Log: g.cfg.Logger}))
	requests.Register(mux, requests.Config{Door: g.door, Verify: g.cfg.Verifier.Verify, Address: address})
	if g.cfg.Tail != nil {
		mux.Handle("GET /v1/log", newLogFeed(g.cfg.Plan, g.cfg.Tail))
	}
	if g.cfg.Static != nil {
		mux.Handle("/", http.FileServerFS(g.cfg.Static))
	}
	return withSecurityHeaders(mux)
}

// withSecurityHeaders adds them to every answer.
func withSecurityHeaders(next http.Handler) http.Handler {
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
