// Applying: the only place where an inbox's row changes.

package inbox

import pb "github.com/parley-im/parley/schemas/gen/parleyv1"

// Apply is the row (nil = never met) after one event. The row before stays as it is.
func Apply(row *pb.InboxRow, event Event) *pb.InboxRow {
	if row = row.CloneVT(); row == nil {
		row = &pb.InboxRow{}
	}
	row.InboxSeq, row.Epoch = event.Said.InboxSeq, event.Said.Epoch
	return row
}
