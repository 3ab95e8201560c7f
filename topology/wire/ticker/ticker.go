// A function that runs at intervals until it is stopped.

// Package ticker runs a function at intervals.
package ticker

import (
	"context"
	"time"
)

// Run calls do at intervals until the context ends. The first call is after the first interval.
func Run(ctx context.Context, interval time.Duration, do func()) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			do()
		}
	}
}
