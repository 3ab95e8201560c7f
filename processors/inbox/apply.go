// Applying: the only place where an inbox's row changes.

package inbox

import parleyv1 "github.com/parley-im/parley/schemas/gen/parleyv1"

// Apply is the row (nil = never met) after one event. The row before stays as it is.
func Apply(row *parleyv1.InboxRow, event Event) *parleyv1.InboxRow {
	if row = row.CloneVT(); row == nil {
		row = &parleyv1.InboxRow{}
	}
	row.InboxSeq, row.Epoch = event.Said.InboxSeq, event.Said.Epoch
	return row
}
