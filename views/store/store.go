// Package store is what the stores of the views share: what a store must be able to do, of which there are two kinds, how
// checkpoints are named, and generations of views. Every store runs the suite in storetest.
//
// Views fold the log into stores. A write carries the span of the log that it comes from, and loses to what is newer, so
// every batch may be repeated, also by two owners of a partition at the same time.
package store

import (
	"context"
	"fmt"
	"strings"
)

// The views that stores have tables for, as the plan names them.
const (
	Inbox    = "inbox"
	Bookmark = "bookmark"
	Presence = "presence"
	History  = "history"
	People   = "people"
)

// Store is what every store can do, whatever its kind.
type Store interface {
	Checkpoints
	Generations
	Close() error
}

// Checkpoints is how far views have folded each partition. They are in the store itself: a loss of content loses the
// checkpoint too, and the view begins again from what is left. The view is named by CheckpointName.
type Checkpoints interface {
	// Checkpoint is the offset below which everything is in the store, 0 when the store has none.
	Checkpoint(ctx context.Context, view string, partition int32) (int64, error)
	// Forget makes the view fold the partition again from the log's beginning. The content stays and is compared.
	Forget(ctx context.Context, view string, partition int32) error
}

// CheckpointName names a view's checkpoints: another epoch of the log begins anew.
func CheckpointName(view string, epoch uint32) string { return fmt.Sprintf("%s@%d", view, epoch) }

// ViewOf is the view in a name that CheckpointName gave.
func ViewOf(checkpoint string) string {
	view, _, _ := strings.Cut(checkpoint, "@")
	return view
}
