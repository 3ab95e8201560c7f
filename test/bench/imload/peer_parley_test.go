// Parley's people ask again when the views are too busy to answer, and give up at every other refusal.

package imload

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// gate answers each question for a snapshot with the next of these codes, and with a snapshot behind them.
func gate(t *testing.T, codes ...pb.Code) *Parley {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		greeter := websocket.Upgrader{Subprotocols: []string{"parley.v1.proto"}}
		socket, err := greeter.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer socket.Close()
		for {
			_, b, err := socket.ReadMessage()
			asked := &pb.ClientFrame{}
			if err != nil || asked.UnmarshalVT(b) != nil {
				return
			}
			if asked.GetSnapshot() == nil {
				continue
			}
			answer := &pb.ServerFrame{Re: asked.Id, Word: &pb.ServerFrame_Snapshot{Snapshot: &pb.Snapshot{}}}
			if len(codes) > 0 {
				answer.Word, codes = &pb.ServerFrame_Refused{Refused: &pb.Refused{Code: codes[0]}}, codes[1:]
			}
			b, _ = answer.MarshalVT()
			_ = socket.WriteMessage(websocket.BinaryMessage, b)
		}
	}))
	t.Cleanup(server.Close)
	return &Parley{Addr: server.Listener.Addr().String(), Token: func(string) (string, error) { return "token", nil }}
}

func TestPeopleAskAgainWhileTheViewsAreBusy(t *testing.T) {
	c, err := gate(t, pb.Code_CODE_UNAVAILABLE, pb.Code_CODE_UNAVAILABLE).dial(0)
	require.NoError(t, err)
	require.NoError(t, c.Close())
	_, err = gate(t, pb.Code_CODE_UNAVAILABLE, pb.Code_CODE_OVERLOADED).dial(0)
	require.ErrorContains(t, err, "CODE_OVERLOADED")
}
