// Package http carries single requests: each drives a session of its own, so that there is one protocol and one place
// where anything is checked. Errors are RFC 9457 problems that say what to do.
//
//	POST /v1/conversations/{home}/{conversation}/messages   {"text", "reply_to", "device_id", "client_seq"}
//	GET  /v1/conversations/{home}/{conversation}/messages   ?before=&limit=
//	GET  /v1/conversations/{home}/{conversation}/members
//	GET  /v1/conversations                                   ?limit=
//	GET  /v1/inbox                                           ?after=&epoch=&limit=
//	POST /v1/commands                                        a Send of send.proto, in JSON, with device_id beside it
package http

import (
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/parley-im/parley/gateways/session"
)

// Limits of a request.
const (
	MaxBody    = 64 << 10        // bytes
	AnswerIn   = 8 * time.Second // for a question or for accepted; longer is 503
	OutcomeIn  = 5 * time.Second // for the outcome of a command; longer is 202
	MaxDevices = 10_000          // people for whom this gateway keeps a device of its own
	lookBack   = 200             // events searched for the outcome of a repeat
	maxLine    = 256             // frames kept for one request
)

// Config of the carrier.
type Config struct {
	Door    session.Door
	Verify  session.Verify
	Address func(*http.Request) string // of the client, as far as it can be trusted; nil = the peer
	Now     func() time.Time           // nil = time.Now
}

// Register adds the routes to a mux.
func Register(mux *http.ServeMux, cfg Config) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Address == nil {
		cfg.Address = func(r *http.Request) string {
			host, _, err := net.SplitHostPort(r.RemoteAddr)
			if err != nil {
				return r.RemoteAddr
			}
			return host
		}
	}
	h := &handler{cfg: cfg, devices: newDevices()}
	mux.HandleFunc("POST /v1/conversations/{home}/{conversation}/messages", h.postMessage)
	mux.HandleFunc("GET /v1/conversations/{home}/{conversation}/messages", h.getMessages)
	mux.HandleFunc("GET /v1/conversations/{home}/{conversation}/members", h.getMembers)
	mux.HandleFunc("GET /v1/conversations", h.getConversations)
	mux.HandleFunc("GET /v1/inbox", h.getInbox)
	mux.HandleFunc("POST /v1/commands", h.postCommand)
	mux.HandleFunc("/v1/", func(w http.ResponseWriter, r *http.Request) {
		write(w, problem{Status: http.StatusNotFound, Title: "no such door", Detail: "see the list of routes"})
	})
}

type handler struct {
	cfg     Config
	devices *devices
}

// bearer takes the token of a request. In the URL it is nobody's.
func bearer(r *http.Request) (string, bool) {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	return token, ok && strings.EqualFold(scheme, "Bearer") && token != ""
}
