// A free port stays free until it is used: no outgoing connection takes it.

package endpoint

import (
	"net"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFreePortsAreNotThoseOfOutgoingConnections(t *testing.T) {
	for range 20 {
		addr, err := Free("127.0.0.1:0")
		require.NoError(t, err)
		_, text, err := net.SplitHostPort(addr)
		require.NoError(t, err)
		port, err := strconv.Atoi(text)
		require.NoError(t, err)
		require.Less(t, port, 32_768)
	}
}

func TestATakenPortIsNamed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	_, err = Free(l.Addr().String())
	require.ErrorContains(t, err, "choose another address")
}
