// Applying: the only place where an inbox's row changes.

package inbox

import parleyv1 "github.com/parley-im/parley/schemas/gen/parleyv1"

// Apply changes the row (nil = never met) by one event.
func Apply(row *parleyv1.InboxRow, event Event) *parleyv1.InboxRow {
	if row == nil {
		row = &parleyv1.InboxRow{}
	}
	row.InboxSeq, row.Epoch = event.Said.InboxSeq, event.Said.Epoch
	return row
}
