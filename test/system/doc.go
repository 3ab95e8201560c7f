// Package system is the fault campaign: a whole deployment in processes of its own on real servers, three brokers among them,
// under load from robust devices, while processes, servers, disks and connections fail. Afterwards every fault is healed, and
// nothing that was accepted may be missing, duplicated, out of order, late, or invented.
//
//	go test ./test/system                       # a slice: every class of faults, each fault once or a few times
//	make campaign                               # 300,000 accepted commands, 150 faults of processes and lines
//	make campaign HOURS=8
//	make campaign ARGS=-report                  # writes REPORT.md beside this file
//	make campaign CAMPAIGN=slice FAULTS=redis,gateway   # the faults with such names only
//	BEYOND=1 make campaign CAMPAIGN=slice FAULTS=election   # with those that take away what was proved, at the end
//
// SEED chooses the order of the faults; each run prints its own. Faults of different parts run at once.
//
// It has more than twenty files because each kind of fault has one, and all of them need one world.
//
//	world_test.go     servers, processes, settings
//	member_test.go    one process that is kept alive, killed and frozen
//	device_test.go    a robust device: its commands and what it received; socket_test.go is one connection of it
//	history_test.go   what devices report to the checker (test/check, as in the simulator)
//	load_test.go      people, who talks to whom, the pace, the probes; race_test.go people who race each other
//	*_fault_test.go   the faults; catalog_test.go lists them in the order of their classes
//	law_test.go       deployments that break a law, which the campaign must notice (make broken-laws)
//	final_test.go     the final reads; proof_test.go compares them with the log, and runs parley verify
//	report_test.go    the table at the end; watch_test.go shows where a campaign hangs
package system
