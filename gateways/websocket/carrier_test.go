// The suite of carriers, over WebSocket in both subprotocols.

package websocket

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/parley-im/parley/gateways/carriertest"
	"github.com/parley-im/parley/gateways/session"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

func TestCarrier(t *testing.T) {
	carrier := func(subprotocol string, bad map[string]string) carriertest.Carrier {
		return carriertest.Carrier{
			Pushes: true,
			Full:   http.StatusServiceUnavailable,
			Ends: map[session.Reason]int{session.Unauthenticated: CodeUnauthenticated, session.Restarting: CodeRestarting,
				session.Overwhelmed: CodeOverwhelmed},
			Bad: bad,
			Serve: func(t testing.TB, w *carriertest.World) carriertest.Dial {
				server := httptest.NewServer(New(Config{Door: w.Door}))
				t.Cleanup(server.Close)
				return dialer("ws"+strings.TrimPrefix(server.URL, "http"), subprotocol)
			},
		}
	}
	t.Run("json", func(t *testing.T) {
		carriertest.Run(t, carrier(SubprotocolJSON, map[string]string{
			"malformed":     `{"id":`,
			"unknown field": `{"id":2,"ping":{},"role":"admin"}`,
			"unknown word":  `{"id":2,"fly":{}}`,
			"two words":     `{"id":2,"ping":{},"list":{}}`,
			"deep":          strings.Repeat(`{"send":`, 5_000),
			"bad UTF-8":     "{\"id\":2,\"send\":{\"clientSeq\":1,\"conversation\":\"g-1/main\",\"text\":{\"text\":\"\xff\"}}}",
			"wrong type":    `{"id":2,"list":{"limit":"many"}}`,
		}))
	})
	t.Run("proto", func(t *testing.T) {
		carriertest.Run(t, carrier(SubprotocolProto, map[string]string{
			"malformed":       "\xff",
			"a length of 2⁶³": "\x9a\x01\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
			"cut off":         "\x08",
		}))
	})
}

// wsClient is a client of one subprotocol.
type wsClient struct {
	socket *websocket.Conn
	json   bool
	next   uint64
	events []*pb.Event // that came before somebody waited for them
}

// dialer connects and says hello.
func dialer(url, subprotocol string) carriertest.Dial {
	return func(token, device string, cursor *pb.Cursor) (carriertest.Client, error) {
		d := websocket.Dialer{Subprotocols: []string{subprotocol}, HandshakeTimeout: patience}
		socket, answer, err := d.Dial(url, nil)
		if err != nil {
			if answer != nil {
				return nil, &carriertest.Ended{Code: answer.StatusCode}
			}
			return nil, err
		}
		c := &wsClient{socket: socket, json: subprotocol == SubprotocolJSON}
		hello, err := c.Ask(&pb.ClientFrame{Word: &pb.ClientFrame_Hello{Hello: &pb.Hello{Token: token, DeviceId: device, Cursor: cursor}}})
		if err == nil && hello.GetWelcome() == nil { // refused: the close code follows
			_, err = c.receive()
			for err == nil {
				_, err = c.receive()
			}
		}
		if err != nil {
			c.Close()
			return nil, err
		}
		return c, nil
	}
}

func (c *wsClient) Ask(frame *pb.ClientFrame) (*pb.ServerFrame, error) {
	c.next++
	frame.Id = c.next
	encode := proto.Marshal
	if c.json {
		encode = protojson.Marshal
	}
	message, err := encode(frame)
	if err != nil {
		return nil, err
	}
	if err := c.send(message); err != nil {
		return nil, err
	}
	return c.until(func(f *pb.ServerFrame) bool { return f.GetRe() == c.next })
}

func (c *wsClient) Raw(bytes string) (*pb.ServerFrame, error) {
	if err := c.send([]byte(bytes)); err != nil {
		return nil, err
	}
	return c.until(func(f *pb.ServerFrame) bool { return f.GetRefused() != nil })
}

func (c *wsClient) Event() (*pb.Event, error) {
	if len(c.events) == 0 {
		if _, err := c.until(func(*pb.ServerFrame) bool { return len(c.events) > 0 }); err != nil {
			return nil, err
		}
	}
	event := c.events[0]
	c.events = c.events[1:]
	return event, nil
}

func (c *wsClient) Close() { c.socket.Close() }

func (c *wsClient) send(message []byte) error {
	kind := websocket.BinaryMessage
	if c.json {
		kind = websocket.TextMessage
	}
	return c.socket.WriteMessage(kind, message)
}

// until receives until a frame fits.
func (c *wsClient) until(fits func(*pb.ServerFrame) bool) (*pb.ServerFrame, error) {
	for {
		frame, err := c.receive()
		if err != nil || fits(frame) {
			return frame, err
		}
	}
}

func (c *wsClient) receive() (*pb.ServerFrame, error) {
	if err := c.socket.SetReadDeadline(time.Now().Add(carriertest.Patience)); err != nil {
		return nil, err
	}
	_, message, err := c.socket.ReadMessage()
	var end *websocket.CloseError
	if errors.As(err, &end) {
		return nil, &carriertest.Ended{Code: end.Code}
	}
	if err != nil {
		return nil, err
	}
	frame, decode := new(pb.ServerFrame), proto.Unmarshal
	if c.json {
		decode = protojson.Unmarshal
	}
	if err := decode(message, frame); err != nil {
		return nil, err
	}
	c.events = append(c.events, frame.GetEvents().GetEvents()...)
	return frame, nil
}
