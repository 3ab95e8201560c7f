// Devices and the rate bucket: what an outbox remembers of the past, read without changing it.

package outbox

import (
	"slices"
	"strings"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

const milli = 1000 // a command is a thousand thousandths; so 50 commands a second are 50 thousandths a millisecond

// find is the place of a device among the sorted devices, and whether it is there.
func find(row *pb.OutboxRow, deviceID string) (int, bool) {
	return slices.BinarySearchFunc(row.GetDevices(), deviceID, func(d *pb.OutboxDevice, id string) int {
		return strings.Compare(d.DeviceId, id)
	})
}

// highest is the highest number taken from a device; 0 for a device never met.
func highest(row *pb.OutboxRow, deviceID string) uint64 {
	if i, ok := find(row, deviceID); ok {
		return row.Devices[i].ClientSeq
	}
	return 0
}

// place says whether there is room for a device, and which other device must go for it: the longest unused one, once it
// has been idle long enough that none of its commands can still be on the way.
func place(row *pb.OutboxRow, deviceID string, timeMs int64) (evicted string, fits bool) {
	if _, known := find(row, deviceID); known || len(row.GetDevices()) < MaxDevices {
		return "", true
	}
	idlest := row.Devices[0]
	for _, d := range row.Devices[1:] {
		if d.UsedAtMs < idlest.UsedAtMs {
			idlest = d
		}
	}
	if timeMs-idlest.UsedAtMs <= DeviceIdleMs {
		return "", false
	}
	return idlest.DeviceId, true
}

// bucket is what the rate bucket holds now, in thousandths of a command. A person never met has a full one.
func bucket(row *pb.OutboxRow, stamp Stamp) int64 {
	full := stamp.Burst * milli
	if row.GetRateAtMs() == 0 {
		return full
	}
	elapsed := min(stamp.TimeMs-row.RateAtMs, full/stamp.Rate+1) // bounded, so that the product is
	return min(row.RateMillitokens+elapsed*stamp.Rate, full)
}
