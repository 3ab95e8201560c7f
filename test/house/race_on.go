// The binary under test is built with the race detector when the tests are.

//go:build race

package house

const raceEnabled = true
