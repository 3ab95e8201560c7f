// What go-redis logs of its own accord stands in the log of the process, and not on stderr.

package redis

import (
	"bytes"
	"log/slog"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheLibraryLogsToSlog(t *testing.T) {
	var said bytes.Buffer
	before := slog.Default()
	t.Cleanup(func() { slog.SetDefault(before) })
	slog.SetDefault(slog.New(slog.NewTextHandler(&said, &slog.HandlerOptions{Level: slog.LevelDebug})))
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, nobody.Close())

	_, err = Open(t.Context(), Options{Address: nobody.Addr().String(), Partition: func(string) int32 { return 0 }})
	require.ErrorContains(t, err, "does not answer")
	require.Contains(t, said.String(), "from=go-redis")
}
