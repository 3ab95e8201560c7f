// The binary under test is built as it ships when the tests run without the race detector.

//go:build !race

package house

const raceEnabled = false
