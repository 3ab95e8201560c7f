// Package websocket carries sessions over WebSocket: subprotocols parley.v1.json and parley.v1.proto, one frame a message.
//
// The handshake is gorilla's, everything behind it is here, with gobwas's eye for what is a frame. A connection costs neither
// a goroutine nor a buffer while it is idle: see lobby_linux.go. What is said is written at once by whoever says it; a writer
// exists only while the kernel takes no more. Nobody ever waits for a slow client: what waits for it is bounded, and when
// that is full it is cut with a code that tells it to come back and repair.
package websocket

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gorilla/websocket"

	"github.com/parley-im/parley/gateways/session"
	"github.com/parley-im/parley/gateways/translate"
)

// Subprotocols.
const (
	SubprotocolJSON  = "parley.v1.json"
	SubprotocolProto = "parley.v1.proto"
)

// Close codes. Below 4500: do not come back before something changed. From 4500 on: come back, after the time that
// goodbye named, and repair from the cursor.
const (
	CodeEnded           = websocket.CloseNormalClosure // 1000: the client went
	CodeTooLarge        = websocket.CloseMessageTooBig // 1009: a frame was larger than allowed
	CodeMisused         = 4400                         // the client does not speak the protocol
	CodeUnauthenticated = 4401                         // come back with another token
	CodeRestarting      = 4500                         // the gateway goes away
	CodeHelloLate       = 4501                         // no hello in time
	CodeSlow            = 4502                         // the client did not take what it was sent: resume from the cursor
	CodeOverwhelmed     = 4503                         // too much is waiting: come back later
)

// Limits of a connection.
const (
	upgradeWithin = 5 * time.Second  // for the handshake
	writeWithin   = 10 * time.Second // for a piece of what waits to be taken by the kernel
	closeWithin   = time.Second      // for the close frame, and for what is still waiting
	lingers       = 2 * time.Second  // for which a reader stays when nothing comes
	silentFor     = 75 * time.Second // a client of which nothing is heard for so long is gone
	extendEvery   = time.Second      // between two times that a client gets more of it
	pingEvery     = 20 * time.Second // between pings; they ride behind other frames
	lingerBytes   = 4 << 20          // bytes thrown away behind a frame that was too large
	MaxWaiting    = 1_024            // frames that wait for a client
	MaxWaitingB   = 1 << 20          // bytes that wait for a client; a single frame may be larger
)

// Config of the carrier.
type Config struct {
	Door session.Door
	// Origins that may connect from a browser, as scheme://host[:port]. The gateway's own host always may.
	Origins []string
	// Address of the client, as far as it can be trusted; nil = the peer of the connection.
	Address func(*http.Request) string
	// Cut is called for each slow client that is cut; nil = nobody counts.
	Cut func()
	Log *slog.Logger
}

// New makes the handler that upgrades connections.
func New(cfg Config) http.Handler {
	if cfg.Address == nil {
		cfg.Address = Peer
	}
	if cfg.Cut == nil {
		cfg.Cut = func() {}
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	h := &handler{cfg: cfg}
	h.upgrader = websocket.Upgrader{
		HandshakeTimeout: upgradeWithin,
		Subprotocols:     []string{SubprotocolJSON, SubprotocolProto},
		CheckOrigin:      h.originAllowed,
	}
	return h
}

type handler struct {
	cfg      Config
	upgrader websocket.Upgrader
}

// ServeHTTP upgrades. What can be refused is refused before, as HTTP: a query above all, because tokens end up in logs.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.RawQuery != "" {
		http.Error(w, "say nothing in the URL: the token belongs into the first frame", http.StatusBadRequest)
		return
	}
	format, ok := formatOf(websocket.Subprotocols(r))
	if !ok {
		http.Error(w, "offer the subprotocol "+SubprotocolJSON+" or "+SubprotocolProto, http.StatusBadRequest)
		return
	}
	c := newConn(&h.cfg, format)
	line, err := h.cfg.Door.Enter(c, session.Caller{Address: h.cfg.Address(r)})
	if err != nil {
		var full *session.Full
		if errors.As(err, &full) {
			w.Header().Set("Retry-After", fmt.Sprint((full.RetryAfterMS+999)/1000))
		}
		http.Error(w, "no connection can be had now: come back later", http.StatusServiceUnavailable)
		return
	}
	socket, err := h.upgrader.Upgrade(w, r, nil)
	if err != nil { // it was answered
		line.Disconnect()
		return
	}
	c.start(socket.NetConn(), line) // who shook hands is needed no longer: the library's buffers would be the largest part of an idle connection
}

// formatOf takes the first subprotocol that is known.
func formatOf(offered []string) (translate.Format, bool) {
	for _, protocol := range offered {
		switch protocol {
		case SubprotocolJSON:
			return translate.JSON, true
		case SubprotocolProto:
			return translate.Protobuf, true
		}
	}
	return 0, false
}

// originAllowed lets browsers in from the gateway's own host and from the list. Clients that are no browser send none.
func (h *handler) originAllowed(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	for _, allowed := range h.cfg.Origins {
		if strings.EqualFold(origin, allowed) {
			return true
		}
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https") && strings.EqualFold(u.Host, r.Host)
}

// Peer is the address of the other end of the connection.
func Peer(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
