// Package wire binds the plan to Kafka. It alone knows goka, sarama, librdkafka and franz-go; package law says what it must keep.
//
// It offers three things: RunGroup runs one group table for one machine; an Emitter produces for gateways and never
// blocks; Follow feeds a view or the dispatcher. Read, Ends and their kin are for tools and tests.
//
// Where to look for what:
//
//	law/           the rules of the log, pure: production and the simulator run them
//	cluster/       the connection, for all libraries; whether Kafka accepts this process
//	fetch/         records as every reader sees them; what waits of a partition
//	read/          what a topic holds now
//	follow/        records of topics for a view or the dispatcher, without a table
//	store/         the local copy of a group's table
//	produce/       what carries records to Kafka: for groups, and the gateways' emitter
//	failpoint/     where a process can be made to die, in binaries built for it
//	group.go       a group's settings and its life, from the first connection to its end
//	inputs.go      what a session folds: franz-go fetches, goka is told
//	fold.go        what happens to a run of inputs, one after another: rules, fold, outputs, row
//	track.go       outputs before state: the lock around law.Track
//	producer.go    a group's producer over tracks; shipment.go what they carry
//	skip.go        an input at which the machine panicked is recorded before its dead letter
//	commits.go     what may be committed: the contiguous prefix of finished inputs
//	session.go     a session of the consumer group: set-up, folding, drain, rejoin at once
//	takeover.go    a new owner's first steps; settle.go its last ones
//	detect.go      what must never be reset silently; repair.go what an operator does then
//	defaults.go    settings of sarama and goka that are not their default, each with its reason; others stand in their room
//
// Invariants that no single line shows: everything in a shipment's life after the hand-over runs on the delivery
// goroutine and must not block; everything of one partition before it runs on that partition's goroutine; a partition
// store outlives its session only in shipments still in flight, and ignores their acks once it is closed.
package wire
