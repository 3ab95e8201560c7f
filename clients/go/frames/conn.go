// A connection: the WebSocket handshake, and messages in both directions.

package frames

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gobwas/ws"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

const (
	// MaxMessage is how long a message of a gateway may be; bytes.
	MaxMessage = 16 << 20

	path       = "/v1/ws"
	readBuffer = 4096 // bytes
	maxHeader  = 14   // bytes before the payload of a client's message
)

// Options of a connection. The zero value is right for most programs.
type Options struct {
	Encoding Encoding
	// NetDial replaces the dialer of TCP connections; nil = net.Dialer.
	NetDial func(ctx context.Context, network, addr string) (net.Conn, error)
	// TLS configures connections to https and wss addresses.
	TLS *tls.Config
	// Header is added to the request of the handshake.
	Header http.Header
	// ZeroMask writes messages with a masking key of zero, which costs nothing. RFC 6455 demands a random key because of
	// proxies in between; set it only where there is none, as a load generator does.
	ZeroMask bool
	// Strict makes fields that this client does not know an error, where the encoding shows them. It is for tests.
	Strict bool
}

// StatusError is the HTTP status with which a gateway refused the handshake.
type StatusError int

func (e StatusError) Error() string {
	return fmt.Sprintf("frames: the gateway answered %d %s", int(e), http.StatusText(int(e)))
}

// CloseError is how a gateway closed the connection; PROTOCOL.md lists the codes.
type CloseError struct {
	Code   int
	Reason string
}

func (e *CloseError) Error() string {
	return strings.TrimSpace(fmt.Sprintf("frames: closed with %d %s", e.Code, e.Reason))
}

// Conn is one connection. Any goroutine may write; one goroutine reads.
type Conn struct {
	encoding Encoding
	zeroMask bool
	strict   bool
	socket   net.Conn
	in       *bufio.Reader
	message  []byte // the message that is read now

	mu     sync.Mutex
	out    []byte // the message that is written now
	broken error  // of the first write that failed: a part of its message may have been sent
}

// Dial connects to a gateway. The address is that of the gateway (http, https, ws or wss), with or without the path /v1/ws.
func Dial(ctx context.Context, address string, o Options) (*Conn, error) {
	to, err := endpoint(address)
	if err != nil {
		return nil, err
	}
	dialer := ws.Dialer{
		Protocols: []string{o.Encoding.Subprotocol()}, NetDial: o.NetDial, TLSConfig: o.TLS, ReadBufferSize: readBuffer,
		Header: ws.HandshakeHeaderHTTP(o.Header),
	}
	socket, in, shaken, err := dialer.Dial(ctx, to)
	if err != nil {
		var status ws.StatusError
		if errors.As(err, &status) {
			err = StatusError(status)
		}
		return nil, fmt.Errorf("frames: dial %s: %w", to, err)
	}
	if shaken.Protocol != o.Encoding.Subprotocol() {
		_ = socket.Close()
		return nil, fmt.Errorf("frames: %s does not offer %s", to, o.Encoding.Subprotocol())
	}
	if in == nil {
		in = bufio.NewReaderSize(socket, readBuffer)
	}
	return &Conn{encoding: o.Encoding, zeroMask: o.ZeroMask, strict: o.Strict, socket: socket, in: in}, nil
}

// endpoint is the WebSocket address of a gateway.
func endpoint(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", fmt.Errorf("frames: %w", err)
	}
	switch u.Scheme {
	case "http", "ws":
		u.Scheme = "ws"
	case "https", "wss":
		u.Scheme = "wss"
	default:
		return "", fmt.Errorf("frames: the address %q is none of http, https, ws, wss", address)
	}
	if strings.Trim(u.Path, "/") == "" {
		u.Path = path
	}
	return u.String(), nil
}

// Write sends a frame.
func (c *Conn) Write(f *pb.ClientFrame) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	b, err := c.encoding.Append(c.begin(), f)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	op := ws.OpBinary
	if c.encoding == JSON {
		op = ws.OpText
	}
	return c.send(op, b)
}

// WriteText and WriteBinary send bytes as they are, for programs that send what no client should.
func (c *Conn) WriteText(b []byte) error { return c.write(ws.OpText, b) }

// WriteBinary: see WriteText.
func (c *Conn) WriteBinary(b []byte) error { return c.write(ws.OpBinary, b) }

func (c *Conn) write(op ws.OpCode, payload []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.send(op, append(c.begin(), payload...))
}

// begin is the buffer with room for a header; it needs c.mu.
func (c *Conn) begin() []byte { return slices.Grow(c.out[:0], maxHeader)[:maxHeader] }

// send writes the header directly before the payload, which begins at maxHeader, so that one system call sends both. It
// needs c.mu.
func (c *Conn) send(op ws.OpCode, b []byte) error {
	c.out = b
	if c.broken != nil {
		return c.broken
	}
	payload := b[maxHeader:]
	var mask [4]byte
	if !c.zeroMask {
		binary.NativeEndian.PutUint32(mask[:], rand.Uint32())
		ws.Cipher(payload, mask, 0)
	}
	h := make([]byte, 0, maxHeader)
	h = append(h, 0x80|byte(op))
	switch n := len(payload); {
	case n < 126:
		h = append(h, 0x80|byte(n))
	case n < 1<<16:
		h = binary.BigEndian.AppendUint16(append(h, 0x80|126), uint16(n))
	default:
		h = binary.BigEndian.AppendUint64(append(h, 0x80|127), uint64(n))
	}
	h = append(h, mask[:]...)
	begin := maxHeader - len(h)
	copy(b[begin:], h)
	_, c.broken = c.socket.Write(b[begin:])
	return c.broken
}

// Read waits for the next frame. It answers pings of the WebSocket itself; the error is a *CloseError when the gateway
// closed the connection.
func (c *Conn) Read() (*pb.ServerFrame, error) {
	if err := c.next(); err != nil {
		return nil, err
	}
	return c.encoding.Decode(c.message, c.strict)
}

// next reads a whole message.
func (c *Conn) next() error {
	c.message = c.message[:0]
	for {
		h, err := c.header()
		if err != nil {
			return err
		}
		at := len(c.message)
		if h.Length > int64(MaxMessage-at) {
			return fmt.Errorf("frames: a message of more than %d bytes", MaxMessage)
		}
		if h.OpCode.IsControl() {
			if err := c.control(h); err != nil {
				return err
			}
			continue
		}
		c.message = grow(c.message, int(h.Length))
		if _, err := io.ReadFull(c.in, c.message[at:]); err != nil {
			return err
		}
		if h.Fin {
			return nil
		}
	}
}

// header reads the header of a frame in place: ws.ReadHeader allocates for each.
func (c *Conn) header() (ws.Header, error) {
	b, err := c.in.Peek(2)
	if err != nil {
		return ws.Header{}, err
	}
	if b[1]&0x80 != 0 {
		return ws.Header{}, errors.New("frames: a gateway masks nothing")
	}
	extra := 0 // bytes of the length
	switch b[1] {
	case 126:
		extra = 2
	case 127:
		extra = 8
	}
	if b, err = c.in.Peek(2 + extra); err != nil {
		return ws.Header{}, err
	}
	h := ws.Header{Fin: b[0]&0x80 != 0, OpCode: ws.OpCode(b[0] & 0x0f), Length: int64(b[1])}
	switch extra {
	case 2:
		h.Length = int64(binary.BigEndian.Uint16(b[2:]))
	case 8:
		h.Length = int64(binary.BigEndian.Uint64(b[2:]) & (1<<63 - 1))
	}
	_, err = c.in.Discard(2 + extra)
	return h, err
}

// control handles a ping, pong or close of the WebSocket.
func (c *Conn) control(h ws.Header) error {
	payload := make([]byte, h.Length)
	if _, err := io.ReadFull(c.in, payload); err != nil {
		return err
	}
	switch h.OpCode {
	case ws.OpPing:
		return c.write(ws.OpPong, payload)
	case ws.OpClose:
		_ = c.write(ws.OpClose, payload) // the gateway may be gone already
		code, reason := ws.ParseCloseFrameData(payload)
		return &CloseError{Code: int(code), Reason: reason}
	}
	return nil
}

// SetReadDeadline and SetWriteDeadline bound reads and writes as those of a net.Conn.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.socket.SetReadDeadline(t) }

// SetWriteDeadline: see SetReadDeadline.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.socket.SetWriteDeadline(t) }

// Close ends the connection at once.
func (c *Conn) Close() error { return c.socket.Close() }
