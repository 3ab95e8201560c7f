// Package sim runs the whole house on a simulated log, in one goroutine, from one seed: the real machines and the real
// projections, with the wire's rules modelled step by step, while processes die, freeze, wake up as stale owners and write
// late, changelogs are compacted as hard as can be, stores are lost, clocks jump and devices come back.
//
//	result := sim.Run(sim.Config{Seed: 7, Commands: 400})
//
// The same seed gives the same run, to the byte. What comes out is judged three times: by test/check, from what the devices
// saw; by a naive model, which reads the log and says what conversations, accounts, presences, inboxes and dead letters
// should be (naive.go, naive_talk.go, naive_presence.go); and by the production fold of the log (proof.go). The model shares
// no code with the fold: it knows the schema, how names are written and where a cause stands, and a test (naive_test.go)
// looks at that. Each rule can be switched off or broken (mutant.go), some in the whole house alike, so that
// the fold itself is wrong and the model alone can tell (mutant_rule.go); each must be found.
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
// Where the rules stand in the house, and here:
//
//	topology/wire/lane.go, producer.go          outputs before state, the prefix law            lane.go
//	topology/wire/partition_store.go, store.go  state before disk, takeovers, suspects          store.go
//	topology/wire/commits.go                    disk before commit, contiguous commits          commits.go
//	topology/wire/session.go                    set up, drain, rejoin                           session.go, group.go
//	topology/wire/takeover.go, settle.go        takeover record, tail, rewind, fence, settle    takeover.go
//	topology/wire/mark.go                       whose takeover counts, a panic on record        rank.go, skip.go
//	topology/wire/fold.go                       rules, fold, causes, outputs, row               process.go
//	topology/wire/detect.go                     alarms; a store ahead of the log                takeover.go
//	views/projector.go, redis/batch.lua         checkpoints, positions, rewinds of views        view.go
//	gateways/session/feed.go, dispatch          contiguous feed, hints, differences, epochs     device.go
//
// Modelled, not run: what is below the rules (sockets, librdkafka, Pebble) and goka. One step of a partition is atomic here
// as it is there: the wire folds, sets and hands over on one goroutine.
package sim
