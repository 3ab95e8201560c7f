// This file does something every so often until told to stop.

package wire

import (
	"context"
	"time"
)

// every does something at intervals, the first time after one of them, until the context ends.
func every(ctx context.Context, interval time.Duration, do func()) {
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
