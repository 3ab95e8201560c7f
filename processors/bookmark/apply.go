// Applying: the only place where a bookmark's row changes.

package bookmark

import parleyv1 "github.com/parley-im/parley/schemas/gen/parleyv1"

// Apply changes the row (nil = never met) by one event.
func Apply(row *parleyv1.BookmarkRow, event Event) *parleyv1.BookmarkRow {
	if row == nil {
		row = &parleyv1.BookmarkRow{}
	}
	row.Version = event.Said.Version
	row.Marks = event.Said.GetMarksRaised().GetMarks()
	return row
}
