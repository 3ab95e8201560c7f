// The key service over a real connection.

package seal

import (
	"context"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestKeysOfAnotherProcess(t *testing.T) {
	store, err := OpenStore(t.TempDir())
	require.NoError(t, err)
	defer store.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- Serve(ctx, listener, store) }()
	source, err := Dial(listener.Addr().String())
	require.NoError(t, err)
	ring := NewRing(source, 0)
	sealer, err := ring.Sealer(ctx, "ann")
	require.NoError(t, err)
	sealed, err := sealer.Seal("over the wire")
	require.NoError(t, err)
	opener, err := NewRing(source, 0).Opener(ctx, []string{sealed.KeyId, "unknown"})
	require.NoError(t, err)
	text, ok := opener.Open(sealed)
	require.True(t, ok)
	require.Equal(t, "over the wire", text)
	stop()
	require.NoError(t, <-served)
	_, err = NewRing(source, 0).Opener(context.Background(), []string{sealed.KeyId})
	require.Error(t, err, "a key service that is away erases nothing")
}
