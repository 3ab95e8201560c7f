// Devices: the highest number taken from each.

package outbox

import (
	"slices"
	"strings"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// Limits of one person.
const (
	MaxDevices   = 32                  // devices
	DeviceIdleMs = 24 * 60 * 60 * 1000 // milliseconds after which an unused device gives its place to a new one
)

// taken is that a number of a device is used up, whatever became of the command.
type taken struct {
	deviceID    string
	clientSeq   uint64
	timeMs      int64
	evicted     string // device that gives its place; empty = none
	millitokens int64  // thousandths of a command left in the rate bucket
}

// Apply implements machine.Event. Devices stay sorted by id.
func (t *taken) Apply(row *pb.OutboxRow) {
	if i, ok := find(row, t.evicted); ok && t.evicted != "" {
		row.Devices = slices.Delete(row.Devices, i, i+1)
	}
	device := &pb.OutboxDevice{DeviceId: t.deviceID, ClientSeq: t.clientSeq, UsedAtMs: t.timeMs}
	if i, ok := find(row, t.deviceID); ok {
		row.Devices[i] = device
	} else {
		row.Devices = slices.Insert(row.Devices, i, device)
	}
	row.RateMillitokens, row.RateAtMs = t.millitokens, t.timeMs
}

// find is the place of a device among the sorted devices, and whether it is there.
func find(row *pb.OutboxRow, deviceID string) (int, bool) {
	return slices.BinarySearchFunc(row.GetDevices(), deviceID, func(d *pb.OutboxDevice, id string) int {
		return strings.Compare(d.DeviceId, id)
	})
}

// highest is the highest number taken from a device; 0 for a new device.
func highest(row *pb.OutboxRow, deviceID string) uint64 {
	if i, ok := find(row, deviceID); ok {
		return row.Devices[i].ClientSeq
	}
	return 0
}

// place reports whether there is room for a device, and which other device must go for it: the longest unused one, once it
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
