// What go-redis logs goes to the log of the process, and not to stderr.

package redis

import (
	"bytes"
	"log/slog"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheLibraryLogsToSlog(t *testing.T) {
	var logged bytes.Buffer
	before := slog.Default()
	t.Cleanup(func() { slog.SetDefault(before) })
	slog.SetDefault(slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug})))
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, closed.Close())

	_, err = Open(t.Context(), Options{Address: closed.Addr().String(), Partition: func(string) int32 { return 0 }})
	require.ErrorContains(t, err, "does not answer")
	require.Contains(t, logged.String(), "from=go-redis")
}
