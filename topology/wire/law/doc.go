// Package law holds the rules of the log as pure functions and values: no input or output, no clock, no lock, no goroutine.
// topology/wire runs them against Kafka and Pebble, and test/sim runs the same code against a log and disks in memory, so
// what the simulator proves is what production does. test/laws enforces the purity.
//
//	track.go, counter.go   outputs before state: a row's changelog record waits for the acks of the outputs before it; and
//	                       what may be committed: an input, when everything before it is acked
//	record.go, skip.go     what a changelog record says in its key and headers
//	rank.go                which takeovers count, and so which rows are tainted
//	census.go              how many rows there are, and how far they go
//	view.go, ack.go        what an owner knows of a changelog: the fold of its records, and the acks of the owner's own
//	note.go, finding.go    what must stop an owner
//	takeover.go            where a new owner begins, what it writes again, and what it retires
//	broken.go              rules that the simulator breaks
package law
