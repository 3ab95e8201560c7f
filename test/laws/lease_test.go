// The lease of presence: two rooms that may not import each other must agree on it.

package laws

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/parley-im/parley/gateways/session"
	"github.com/parley-im/parley/processors/account"
)

// A session that renewed its presence by a longer lease than accounts grant would be shown as gone in between.
func TestSessionsAskForNoLongerLeaseThanAccountsGrant(t *testing.T) {
	require.LessOrEqual(t, int64(session.MaxLeaseMS), int64(account.LeaseMaxMs))
	require.Less(t, int64(session.RenewMS), int64(session.LeaseMS))
}
