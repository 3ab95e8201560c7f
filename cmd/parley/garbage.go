// How often the roles of a process collect garbage: memory is cheaper than time.

package main

import (
	"os"
	"runtime/debug"
)

// garbagePercent is how much garbage may gather, in percent of what is alive. Roles keep little (rows and queues, tens of
// megabytes) and make much: at Go's 100 they spend a fifth of their time collecting. GOMEMLIMIT still bounds the whole.
const garbagePercent = 400

// collectLess is for processes that run for long. Whoever sets GOGC has decided.
func collectLess() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbagePercent)
	}
}
