// The points in an ordinary binary: nothing.

//go:build !(failpoints && linux)

package failpoint

// Reach does nothing.
func Reach(Point) {}

// ReachOutputAcked does nothing.
func ReachOutputAcked(bool) {}

// ReachChangelogSent does nothing.
func ReachChangelogSent() {}

// Breached is false.
func Breached(string) bool { return false }
