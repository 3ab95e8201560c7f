// Package system is the campaign: the whole house in processes of its own on real servers, three brokers among them, under
// load from robust devices, while processes, servers, disks and lines fail. Afterwards everything is healed, and nothing
// that was accepted may be missing, twice, out of order, late, or invented.
//
//	go test ./test/system                       # a slice: every class of faults, each fault once or a few times
//	make campaign                               # 300,000 accepted commands, 150 faults of processes and lines
//	make campaign HOURS=8
//	make campaign ARGS=-report                  # writes REPORT.md beside this file
//	make campaign CAMPAIGN=slice FAULTS=redis,gateway   # the faults with such names only
//	BEYOND=1 make campaign CAMPAIGN=slice FAULTS=election   # with those that take away what was proved, at the end
//
// SEED chooses the order of the faults; each run prints its own. Faults of different parts of the house are done at once.
//
//	world_test.go     servers, processes, settings
//	member_test.go    one process that is kept alive, killed and frozen
//	device_test.go    a robust device: what it asked, what it was told; socket_test.go is one connection of it
//	history_test.go   what devices tell the checker, which is the simulator's
//	load_test.go      people, who talks to whom, the pace, the probes; race_test.go those who quarrel
//	*_fault_test.go   the faults; catalog_test.go lists them in the order of their classes
//	law_test.go       houses that break a law, which the campaign must notice (make teeth)
//	judge_test.go     the final reads; proof_test.go what the log says of them, and parley verify
//	report_test.go    the table at the end; watch_test.go says where a campaign hangs
package system
