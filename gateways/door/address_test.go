// Which address counts as the client's.

package door

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAddressIsBelievedOnlyFromOurOwnProxy(t *testing.T) {
	for _, c := range []struct {
		trust     bool
		peer      string
		forwarded []string
		want      string
	}{
		{false, "10.0.0.1:1", []string{"6.6.6.6"}, "10.0.0.1"},
		{true, "10.0.0.1:1", []string{"6.6.6.6, 7.7.7.7"}, "7.7.7.7"},
		{true, "10.0.0.1:1", []string{"6.6.6.6", "8.8.8.8"}, "8.8.8.8"},
		{true, "10.0.0.1:1", []string{"nonsense"}, "10.0.0.1"},
		{true, "10.0.0.1:1", nil, "10.0.0.1"},
		{false, "[2001:db8:1:2:3:4:5:6]:1", nil, "2001:db8:1:2::/64"},
		{false, "[::ffff:10.0.0.1]:1", nil, "10.0.0.1"},
	} {
		r := &http.Request{RemoteAddr: c.peer, Header: http.Header{"X-Forwarded-For": c.forwarded}}
		require.Equal(t, c.want, Address(r, c.trust), c)
	}
}
