// Applying: the only place where a bookmark's row changes.

package bookmark

import parleyv1 "github.com/parley-im/parley/schemas/gen/parleyv1"

// Apply is the row (nil = never met) after one event. The row before stays as it is.
func Apply(row *parleyv1.BookmarkRow, event Event) *parleyv1.BookmarkRow {
	if row = row.CloneVT(); row == nil {
		row = &parleyv1.BookmarkRow{}
	}
	row.Version = event.Said.Version
	row.Marks = event.Said.GetMarksRaised().GetMarks()
	return row
}
