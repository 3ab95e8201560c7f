// Package sim runs the whole house on a simulated log, in one goroutine, from one seed: the real machines and the real
// projections, with the wire's rules modelled step by step, while processes die, freeze, wake up as stale owners and write
// late, changelogs are compacted as hard as can be, stores are lost, clocks jump and devices come back.
//
//	result := sim.Run(sim.Config{Seed: 7, Commands: 400})
//
// The same seed gives the same run, to the byte. What comes out is judged three times: by test/check, from what the devices
// saw; by a naive model, which reads the log and says what conversations and inboxes should be (naive.go); and by the
// production fold of the log (proof.go). Each rule can be switched off or broken (mutant.go), and then it must be found.
//
// Where the rules stand in the house, and here:
//
//	topology/wire/lane.go, producer.go          outputs before state, the prefix law            lane.go
//	topology/wire/partition_store.go, store.go  state before disk, takeovers, suspects          store.go
//	topology/wire/commits.go                    disk before commit, contiguous commits          commits.go
//	topology/wire/session.go                    set up, drain, rejoin                           session.go, group.go
//	topology/wire/takeover.go, settle.go        takeover record, tail, rewind, fence, settle    takeover.go
//	topology/wire/fold.go                       rules, fold, causes, outputs, row               process.go
//	topology/wire/detect.go                     alarms; a store ahead of the log                takeover.go
//	views/run.go, redis/batch.lua, history.go   places, positions, rewinds of views             view.go
//	gateways/session/feed.go, dispatch          contiguous feed, hints, differences, epochs     device.go
//
// Modelled, not run: what is below the rules (sockets, librdkafka, Pebble) and goka. One step of a partition is atomic here
// as it is there: the wire folds, sets and hands over on one goroutine.
package sim
