// Package wire binds the plan to Kafka. It alone knows goka, sarama, librdkafka and franz-go.
//
// It offers RunGroup, which runs one group table for one machine; an Emitter, which produces for gateways and never blocks;
// Follow, which feeds a view or the dispatcher; and for tools and tests Read, Ends and their kin. The code is in its rooms,
// of which none imports one below it:
//
//	law/        the rules of the log, pure: production and the simulator run them
//	failpoint/  where a process can be made to die, in binaries built for it
//	cluster/    the connection, for all libraries; whether Kafka accepts this process
//	fetch/      records as every reader sees them; what waits of a partition
//	produce/    what carries records to Kafka: for groups, and the gateways' emitter
//	store/      the local copy of a group's table, on Pebble
//	read/       what a topic holds now
//	follow/     records of topics for a view or the dispatcher, without a table
//	track/      outputs before state: a group's producer
//	group/      a group table: membership, takeover, folding, commits, alarms
//
// ticker and metric are what several rooms need; wiretest and logtest are for their tests.
//
// Where to begin with a fault:
//
//	a record is missing, doubled or out of order     produce/sender.go, then track/order.go
//	a row is in the changelog before its outputs     track/order.go
//	a commit passes an input that is not folded      group/commits.go, law/counter.go
//	two owners of a partition, or a stale one        group/takeover.go, law/takeover.go, law/rank.go
//	a member rejoins again and again                 group/session.go
//	a group stops with an alarm                      group/detect.go, group/repair.go
//	the local store is wiped, behind or broken       store/
//	a view or the dispatcher stands still            follow/stall.go; its offsets follow/start.go, follow/membership.go
//	a gateway's command is overloaded or unanswered  produce/emitter.go
//	no connection                                    cluster/handshake.go
//
// Invariants that no single line shows: a shipment's handlers run on the sender's one goroutine for answers and must not
// block; everything before that runs on the goroutine of its partition; a partition's store outlives its session only for
// shipments in flight, and ignores their acks once it is closed.
package wire
