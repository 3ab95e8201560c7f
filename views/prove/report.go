// Package prove compares the views with the log, builds views anew beside the ones that are read, and switches to them. It
// stands above the hall: it folds with the hall's projectors, and the hall runs without it.
package prove

import "fmt"

// VerifyReport is what a comparison found.
type VerifyReport struct {
	Keys        map[string]int     `json:"keys_compared"` // by view
	Through     map[string][]int64 `json:"through"`       // by view and partition: the offset up to which was compared
	Differences []Difference       `json:"differences"`
	Total       int                `json:"total_differences"`
	Late        map[string][]int32 `json:"partitions_without_beginning,omitempty"` // by view: not compared
}

// Difference is a key whose content is not what the log gives.
type Difference struct {
	View       string `json:"view"`
	Key        string `json:"key"`
	Checkpoint int64  `json:"place"` // of the view in the key's partition
	Detail     string `json:"says"`
}

func (d Difference) String() string {
	return fmt.Sprintf("view %s, key %s, through offset %d: %s", d.View, d.Key, d.Checkpoint, d.Detail)
}

// maxDifferences are kept in a report; all are counted.
const maxDifferences = 100

func (r *VerifyReport) differ(view, key string, checkpoint int64, format string, args ...any) {
	r.Total++
	if len(r.Differences) < maxDifferences {
		r.Differences = append(r.Differences, Difference{view, key, checkpoint, fmt.Sprintf(format, args...)})
	}
}
