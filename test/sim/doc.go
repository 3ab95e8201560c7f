// Package sim runs the whole system on a simulated log, in one goroutine, from one seed: the real machines, the real
// projections and the real rules of the log (topology/wire/law), while processes die, freeze, wake up as stale owners and
// write late, changelogs are compacted as hard as can be, stores are lost, clocks jump and devices come back.
//
//	result := sim.Run(sim.Config{Seed: 7, Commands: 400})
//
// The same seed gives the same run, to the byte. What comes out is checked in three ways: by test/check, from what the
// devices saw; by a naive model, which reads the log and derives what conversations, accounts, presences, inboxes and dead
// letters should be (naive.go, naive_talk.go, naive_presence.go); and by the production fold of the log (proof.go). The
// model shares no code with the fold: it knows the schema, how names are written and where a cause stands, and a test
// (naive_test.go) checks that. Each rule can be switched off or broken (mutant.go), some in the whole system alike, so that
// the fold itself is wrong and only the model notices (mutant_rule.go); each must be found. Rules of the log are broken by
// switches in law itself (law.Broken).
//
// What goes wrong (fault.go), in the classes of the promise:
//
//	1 2 4 5  processes killed at any step, half way through an input, with and without their disks; given up; rebalances
//	3        owners frozen, stacked, waking up late; compaction as hard as can be; disks wiped, older, ahead (21)
//	11       poison of ten kinds, each with its dead letter (poison.go); inputs at which some owners panic (skip.go)
//	13 14    views slow, restarted, emptied; batches that land late
//	15       clocks of brokers and gateways an hour or ten years wrong, or still (clock.go)
//	16       connections lost; commands, marks, presences and pushes late and twice; resumes with an old epoch
//	24       binaries of three versions mixed, rolled back; rules activated partition by partition in between (rules.go)
//	25       blocks, bans, removals, roles and leaving against sending: one seed in three does little else
//	10       disasters, one a run: each must end in its alarm (disaster.go); retention of inputs, commits and groups that vanish
//
// Hot standbys keep copies of the tables of others.
//
// What of the wire runs here as it is, and what stands around it here instead of Kafka, goka and Pebble:
//
//	law/track.go, counter.go              outputs before state, what may be committed    produce.go (producers), process.go (runs)
//	law/view.go, ack.go, rank.go, skip.go  the fold of a changelog, acks, taint, skips    store.go (disks), skip.go (panics)
//	law/takeover.go, finding.go, note.go   where an owner begins, alarms, settling        takeover.go (steps), commits.go
//	law/record.go                         keys and headers of changelog records          log.go
//	wire's session, fold                  set up, drain, rejoin; the order of a fold     session.go, group.go, process.go
//	views' positions and rewinds                                                         view.go
//	gateways' feed, hints, differences, epochs                                           device.go
//
// Modelled, not run: what is below the rules (sockets, Kafka's clients, Pebble) and goka. One step of a partition is atomic
// here as it is there: the wire folds, sets and hands over on one goroutine.
//
// It has more than twenty files because it is one world: every step draws from the one source of randomness of World, and
// faults, proofs and the naive model read the state of all its parts. Packages of its own would export all of that state.
package sim
