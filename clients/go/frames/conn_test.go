// Frames over a real socket, in both encodings and of every length of header.

package frames

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// echo answers each frame with its detail of a resync, in the encoding that the client chose, until one says close.
func echo(t *testing.T) string {
	upgrader := websocket.Upgrader{Subprotocols: []string{Protobuf.Subprotocol(), JSON.Subprotocol()}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer c.Close()
		for {
			kind, b, err := c.ReadMessage()
			if err != nil {
				return
			}
			f := new(pb.ClientFrame)
			read, write := proto.Unmarshal, proto.Marshal
			if kind == websocket.TextMessage {
				read, write = protojson.Unmarshal, protojson.Marshal
			}
			if read(b, f) != nil || f.GetHello().GetToken() == "close" {
				_ = c.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(4401, "no"))
				continue
			}
			_ = c.WriteControl(websocket.PingMessage, []byte("?"), noDeadline)
			b, _ = write(&pb.ServerFrame{Re: f.Id, Word: &pb.ServerFrame_Resync{Resync: &pb.Resync{Detail: f.GetHello().GetToken()}}})
			_ = c.WriteMessage(kind, b)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func hello(id uint64, token string) *pb.ClientFrame {
	return &pb.ClientFrame{Id: id, Word: &pb.ClientFrame_Hello{Hello: &pb.Hello{Token: token, DeviceId: "d"}}}
}

func TestFramesOfEveryLength(t *testing.T) {
	url := echo(t)
	for _, encoding := range []Encoding{Protobuf, JSON} {
		for _, zero := range []bool{false, true} {
			c, err := Dial(context.Background(), url, Options{Encoding: encoding, ZeroMask: zero})
			require.NoError(t, err)
			for i, n := range []int{0, 1, 100, 125, 126, 1000, 1 << 16, 1 << 17} {
				require.NoError(t, c.Write(hello(uint64(i+1), strings.Repeat("x", n))))
				f, err := c.Read()
				require.NoError(t, err)
				require.Equal(t, uint64(i+1), f.Re)
				require.Len(t, f.GetResync().GetDetail(), n)
			}
			require.NoError(t, c.Write(hello(9, "close")))
			_, err = c.Read()
			var closed *CloseError
			require.ErrorAs(t, err, &closed)
			require.Equal(t, CloseError{4401, "no"}, *closed)
			require.NoError(t, c.Close())
		}
	}
}

func TestRefusedHandshake(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }))
	defer server.Close()
	_, err := Dial(context.Background(), server.URL, Options{})
	var status StatusError
	require.ErrorAs(t, err, &status)
	require.Equal(t, StatusError(http.StatusForbidden), status)
	_, err = Dial(context.Background(), "ftp://localhost", Options{})
	require.ErrorContains(t, err, "ftp")
}

func TestEncodingsAgree(t *testing.T) {
	frame := &pb.ServerFrame{Re: 3, Word: &pb.ServerFrame_Pong{Pong: &pb.Pong{Head: &pb.Cursor{InboxSeq: 7, Epoch: 1}}}}
	binary, err := frame.MarshalVT()
	require.NoError(t, err)
	for encoding, b := range map[Encoding][]byte{Protobuf: binary, JSON: []byte(`{"re":"3","pong":{"head":{"inboxSeq":"7","epoch":"1"},"new":1}}`)} {
		got, err := encoding.Decode(b, false)
		require.NoError(t, err)
		require.True(t, proto.Equal(frame, got), "%v", got)
		_, err = encoding.Decode(b, true)
		require.Equal(t, encoding == JSON, err != nil, "JSON shows unknown fields: %v", err)
		_, err = encoding.Decode(bytes.Repeat([]byte{'{'}, 9), false)
		require.ErrorIs(t, err, ErrMalformed)
	}
}

func BenchmarkWrite(b *testing.B) {
	c := &Conn{socket: discard{}, zeroMask: true}
	f := hello(1, strings.Repeat("x", 100))
	b.ReportAllocs()
	for b.Loop() {
		_ = c.Write(f)
	}
}

// discard is a socket that takes everything.
type discard struct{ net.Conn }

func (discard) Write(b []byte) (int, error) { return len(b), nil }

var noDeadline time.Time
