// Applying: the only place where an outbox's row changes.

package outbox

import (
	"slices"

	parleyv1 "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// Apply is the row (nil = never met) after one event. The row before stays as it is.
func Apply(row *parleyv1.OutboxRow, event Event) *parleyv1.OutboxRow {
	if row = row.CloneVT(); row == nil {
		row = &parleyv1.OutboxRow{}
	}
	switch {
	case event.Standing != nil:
		row.Standing = event.Standing.Standing
	case event.Taken != nil:
		take(row, event.Taken)
	}
	return row
}

// take writes down a consumed number; devices stay sorted by id.
func take(row *parleyv1.OutboxRow, t *Taken) {
	if i, ok := find(row, t.Evicted); ok && t.Evicted != "" {
		row.Devices = slices.Delete(row.Devices, i, i+1)
	}
	device := &parleyv1.OutboxDevice{DeviceId: t.DeviceID, ClientSeq: t.ClientSeq, UsedAtMs: t.TimeMs}
	if i, ok := find(row, t.DeviceID); ok {
		row.Devices[i] = device
	} else {
		row.Devices = slices.Insert(row.Devices, i, device)
	}
	row.RateMillitokens, row.RateAtMs = t.Millitokens, t.TimeMs
}
