// A house at rest: every input is folded, and its row and everything that it said are kept.

package house

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/parley-im/parley/topology"
)

// Lag is how many inputs the groups are not done with, by their commits. It looks twice, because one group's end is another
// one's input.
func Lag(ctx context.Context, admin *kadm.Client, plan topology.Plan) (sum int64, err error) {
	for range 2 {
		for _, g := range plan.Groups {
			lags, err := admin.Lag(ctx, plan.Consumer(g.Name))
			if err == nil {
				err = lags.Error()
			}
			if err != nil {
				return 0, err
			}
			lags.Each(func(l kadm.DescribedGroupLag) { sum += l.Lag.Total() })
		}
	}
	return sum, nil
}

// quiet waits for a house at rest: rows follow what was said at their own pace.
func quiet(t *testing.T, h *House) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster(h).Brokers...))
	require.NoError(t, err)
	defer client.Close()
	eventually(t, func() bool {
		lag, err := Lag(t.Context(), kadm.NewClient(client), h.Plan())
		return err == nil && lag == 0
	})
}
