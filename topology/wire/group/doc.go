// Package group runs a group table: it joins the consumer group, takes partitions over, folds their inputs and commits.
// goka keeps the table's recovery and standbys, sarama the membership, franz-go fetches and sends.
//
//	group.go     settings, and a group's life from the first connection to its end
//	session.go   a session of the consumer group: set-up, folding, drain, rejoin at once
//	takeover.go  a new owner's first steps; settle.go its last ones
//	inputs.go    what a session folds: franz-go fetches, and goka gets runs
//	fold.go      what happens to a run of inputs, one after another: rules, fold, outputs, row
//	skip.go      an input at which the machine panicked is recorded before its dead letter
//	commits.go   what is committed, and when
//	detect.go    what must never be reset silently; repair.go what an operator does then
//	topics.go    questions to the brokers
//	defaults.go  settings of sarama and goka that are not their default, each with its reason
//	metrics.go   what a group counts
//
// What is decided in takeovers, recoveries and acks is decided by package law.
//
// A partition of the local store outlives its session only in shipments still in flight, and ignores their acks once it is
// closed.
//
// It has more than twenty files because the parts of a group call each other through its one struct, which goka's hooks need.
package group
