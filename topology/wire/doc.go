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
package wire
