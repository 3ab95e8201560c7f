// The rate limit: a token bucket for each person.

package outbox

import (
	"github.com/parley-im/parley/processors/machine"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

const milli = 1000 // a command is a thousand thousandths; so 50 commands a second are 50 thousandths a millisecond

// bucket is what the rate bucket holds now, in thousandths of a command. A new person has a full one.
func bucket(row *pb.OutboxRow, stamp machine.Stamp) int64 {
	full := stamp.Burst * milli
	if row.GetRateAtMs() == 0 {
		return full
	}
	elapsed := min(stamp.TimeMs-row.RateAtMs, full/stamp.Rate+1) // bounded, so that the product is
	return min(row.RateMillitokens+elapsed*stamp.Rate, full)
}
