// Applying: the only place where a bookmark's row changes.

package bookmark

import pb "github.com/parley-im/parley/schemas/gen/parleyv1"

// Apply is the row (nil = never met) after one event. The row before stays as it is.
func Apply(row *pb.BookmarkRow, event Event) *pb.BookmarkRow {
	if row = row.CloneVT(); row == nil {
		row = &pb.BookmarkRow{}
	}
	row.Version = event.Said.Version
	row.Marks = event.Said.GetMarksRaised().GetMarks()
	return row
}
