// Package system is the campaign: the whole house in processes of its own on real servers, three brokers among them, under
// load from robust devices, while processes and servers are killed, frozen and emptied. Afterwards everything is healed,
// and nothing that was accepted may be missing, twice, out of order, late, or invented.
//
//	go test ./test/system -run TestCampaign -v                    # a slice: each fault once or a few times
//	CAMPAIGN=full go test ./test/system -run TestCampaign -v -timeout 2h
//	HOURS=8 go test ./test/system -run TestCampaign -v -timeout 10h
//	go test ./test/system -run TestCampaign -v -args -report      # writes REPORT.md beside this file
//
// SEED chooses the order of the faults; each run prints its own. FAULTS=redis,gateway runs the faults with such names only.
//
//	world_test.go     servers, processes, settings
//	member_test.go    one process that is kept alive, killed and frozen
//	device_test.go    a robust device: what it asked, what it was told; socket_test.go is one connection of it
//	load_test.go      people, who talks to whom, the pace, the probes
//	*_fault_test.go   the faults; catalog_test.go lists them in the order of their classes
//	judge_test.go     the final reads, and the proof of the log and the views
//	report_test.go    the table at the end
package system
