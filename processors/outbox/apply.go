// Applying: the only place where an outbox's row changes.

package outbox

import (
	"slices"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// Apply is the row (nil = never met) after one event. The row before stays as it is.
func Apply(row *pb.OutboxRow, event Event) *pb.OutboxRow {
	row = copied(row)
	switch {
	case event.Standing != nil:
		row.Standing = event.Standing.Standing
	case event.Taken != nil:
		take(row, event.Taken)
	}
	return row
}

// copied is the row with a list of its own, of the same devices: whoever changes one puts another in its place.
func copied(row *pb.OutboxRow) *pb.OutboxRow {
	next := &pb.OutboxRow{
		Devices: slices.Clone(row.GetDevices()), RateMillitokens: row.GetRateMillitokens(), RateAtMs: row.GetRateAtMs(), Standing: row.GetStanding(),
	}
	next.ProtoReflect().SetUnknown(row.ProtoReflect().GetUnknown()) // what a newer binary wrote
	return next
}

// take writes down a consumed number; devices stay sorted by id.
func take(row *pb.OutboxRow, t *Taken) {
	if i, ok := find(row, t.Evicted); ok && t.Evicted != "" {
		row.Devices = slices.Delete(row.Devices, i, i+1)
	}
	device := &pb.OutboxDevice{DeviceId: t.DeviceID, ClientSeq: t.ClientSeq, UsedAtMs: t.TimeMs}
	if i, ok := find(row, t.DeviceID); ok {
		row.Devices[i] = device
	} else {
		row.Devices = slices.Insert(row.Devices, i, device)
	}
	row.RateMillitokens, row.RateAtMs = t.Millitokens, t.TimeMs
}
