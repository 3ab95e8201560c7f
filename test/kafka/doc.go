// Package kafka holds the campaigns on real Apache Kafka: processes that fold are killed and frozen, brokers are stopped,
// topics are harmed, and what was said is held against the straight fold of the inputs, byte by byte. It has tests only.
//
// Without more the tests take their short form. The long one has more of every fault, and the comparison with goka's
// stock wiring as STOCK.md shows it:
//
//	make kafka-faults       # PARLEY_KAFKA=long go test ./test/kafka, about a quarter of an hour
//	make stock              # only the comparison; it writes STOCK.md
//
//	subject_test.go   machines and their commands: a counter, and the house
//	verdict_test.go   the straight fold, and what differs from it
//	campaign_test.go  members in processes of their own, and who feeds them
//	kill_test.go      members killed, frozen, stacked as stale owners
//	broker_test.go    a broker away for longer than every timeout
//	stock_test.go     goka's own wiring beside ours
//	harm_test.go      topics, offsets and rules harmed: what is said, and the way back; store_test.go: local stores
//	crash_test.go     rules in a crash, a full disk, a refusal again
//	patient_test.go   what is harmed, with its owners in this process, and what its operators do
package kafka
