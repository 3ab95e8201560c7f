// Every replica is used, and one may stop.

package serve_test

import (
	"context"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/views/serve"
	"github.com/parley-im/parley/views/viewtest"
)

func TestEveryReplicaIsUsedAndOneMayStop(t *testing.T) {
	s := viewtest.Everyday(t)
	stores, _ := viewtest.OwnStores(t, s.Plan)
	viewtest.NewViews(t, s.Plan, stores).Fold(s.Log, 50)
	var addresses []string
	var stops []func()
	for range 3 {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		addresses = append(addresses, listener.Addr().String())
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- serve.On(ctx, listener, stores.Read) }()
		stops = append(stops, func() { cancel(); require.NoError(t, <-ended) })
	}
	stub, err := serve.Dial(addresses...)
	require.NoError(t, err)
	for i, end := range stops {
		for range 30 {
			_, err := stub.Head(t.Context(), &pb.HeadQuery{Users: []string{"ann"}})
			require.NoError(t, err, "with %d replicas stopped", i)
		}
		if i < len(stops)-1 {
			end()
		}
	}
	stops[len(stops)-1]()
	_, err = stub.Head(t.Context(), &pb.HeadQuery{Users: []string{"ann"}})
	require.Error(t, err)
}
