// A WebSocket client that costs the generator as little as can be: it shares the machine with what it measures.

package imload

import (
	"bufio"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	opBinary = 2 // RFC 6455

	wsConnect   = 20 * time.Second
	wsHandshake = 60 * time.Second // on a machine that is asked for a thousand at once
	wsMost      = 1 << 24          // bytes of a frame that is believed
	wsBuffer    = 4096             // bytes
)

// wsConn is a small WebSocket client (RFC 6455, no extensions). One reader;
// writers are serialised.
type wsConn struct {
	c   net.Conn
	r   *bufio.Reader
	buf []byte

	mu sync.Mutex
	w  []byte
}

func wsDial(addr, path, subprotocol string) (*wsConn, error) {
	c, err := net.DialTimeout("tcp", addr, wsConnect)
	if err != nil {
		return nil, err
	}
	var key [16]byte
	_, _ = rand.Read(key[:])
	req := fmt.Sprintf("GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n", path, addr, base64.StdEncoding.EncodeToString(key[:]))
	if subprotocol != "" {
		req += "Sec-WebSocket-Protocol: " + subprotocol + "\r\n"
	}
	_ = c.SetDeadline(time.Now().Add(wsHandshake))
	if _, err := io.WriteString(c, req+"\r\n"); err != nil {
		_ = c.Close()
		return nil, err
	}
	r := bufio.NewReaderSize(c, wsBuffer)
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		_ = c.Close()
		return nil, err
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		_ = c.Close()
		return nil, fmt.Errorf("websocket: status %s", resp.Status)
	}
	_ = c.SetDeadline(time.Time{})
	return &wsConn{c: c, r: r}, nil
}

// write sends one frame of the given opcode.
func (c *wsConn) write(op byte, p []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := append(c.w[:0], 0x80|op)
	switch n := len(p); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n < 1<<16:
		b = append(b, 0x80|126, byte(n>>8), byte(n))
	default:
		b = append(b, 0x80|127)
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	// A zero masking key is a valid key and leaves the payload as it is.
	b = append(b, 0, 0, 0, 0)
	b = append(b, p...)
	c.w = b
	_, err := c.c.Write(b)
	return err
}

// read returns the next text or binary message; valid until the next call.
func (c *wsConn) read() ([]byte, error) {
	c.buf = c.buf[:0]
	for {
		var h [8]byte
		if _, err := io.ReadFull(c.r, h[:2]); err != nil {
			return nil, err
		}
		fin, op, n := h[0]&0x80 != 0, h[0]&15, uint64(h[1]&127)
		switch n {
		case 126:
			if _, err := io.ReadFull(c.r, h[:2]); err != nil {
				return nil, err
			}
			n = uint64(binary.BigEndian.Uint16(h[:2]))
		case 127:
			if _, err := io.ReadFull(c.r, h[:8]); err != nil {
				return nil, err
			}
			n = binary.BigEndian.Uint64(h[:8])
		}
		if n > wsMost {
			return nil, errors.New("websocket: frame too large")
		}
		if op >= 8 {
			ctl := make([]byte, n)
			if _, err := io.ReadFull(c.r, ctl); err != nil {
				return nil, err
			}
			if op == 8 {
				return nil, io.EOF
			}
			if op == 9 {
				if err := c.write(10, ctl); err != nil {
					return nil, err
				}
			}
			continue
		}
		at := len(c.buf)
		c.buf = append(c.buf, make([]byte, n)...)
		if _, err := io.ReadFull(c.r, c.buf[at:]); err != nil {
			return nil, err
		}
		if fin {
			return c.buf, nil
		}
	}
}

func (c *wsConn) Close() error { return c.c.Close() }
