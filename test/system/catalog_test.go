// The faults, in the order of their classes. A class has the number that it has in the table of the report.

package system

import (
	"strings"
	"time"
)

// fault is something that is done to the house. run returns when it is over, with the moment from which recovery counts.
type fault struct {
	class int
	name  string
	times int // in one round
	run   func(w *world) time.Time
}

// classes are the names of classes in the report.
var classes = map[int]string{
	1: "kill -9 of a process, also while it recovers", 3: "process frozen past its session, then woken",
	5: "rebalance storm", 6: "broker killed (leader, coordinator, rolling, all)", 7: "broker frozen",
	8: "in-sync replicas below the minimum", 11: "poison in the command topics", 12: "all brokers silent at full load",
	13: "Redis emptied, killed, frozen", 14: "documents killed, frozen", 16: "gateway killed; half-open; same device twice; old epoch",
	17: "slow readers", 18: "reconnect storm", 23: "rolling restart (SIGTERM)", 26: "two faults at once",
}

// storeFaults are classes whose recovery counts until the views show what the probes said.
var storeFaults = map[int]bool{13: true, 14: true}

// catalog are the faults of one round.
func catalog() []fault {
	return []fault{
		{1, "processors killed", 2, killProcessors}, {1, "processors killed while they recover", 2, killRecovering},
		{1, "views killed", 2, killViews}, {1, "dispatcher killed", 2, killDispatcher}, {1, "keys killed", 1, killKeys},
		{3, "processors frozen", 2, freezeProcessors}, {3, "views frozen", 1, freezeViews}, {3, "dispatcher frozen", 1, freezeDispatcher}, {3, "gateway frozen", 1, freezeGateway},
		{6, "leader killed", 2, killLeader}, {6, "coordinator killed", 1, killCoordinator},
		{6, "brokers killed one after the other", 1, killRolling}, {6, "all brokers killed", 1, killAll},
		{7, "broker frozen", 2, freezeBroker}, {8, "two of three brokers away", 1, starveReplicas},
		{13, "redis emptied", 2, flushRedis}, {13, "redis killed", 1, killRedis}, {13, "redis frozen", 1, freezeRedis},
		{14, "documents killed", 1, killMongo}, {14, "documents frozen", 1, freezeMongo},
		{16, "gateway killed", 3, killGateway}, {16, "half-open sockets", 1, halfOpen}, {16, "same device twice", 1, twice}, {16, "old epoch", 1, oldEpoch},
		{11, "poison", 1, poisonAll}, {12, "all brokers frozen at full load", 1, silence},
		{17, "slow readers", 1, slowReaders}, {18, "reconnect storm", 1, storm},
		{23, "rolling restart", 1, rollingRestart}, {5, "rebalance storm", 1, rebalanceStorm},
		{26, "two at once", 3, pair},
	}
}

// round is a round in an order of its own; names picks faults by parts of their names.
func (w *world) round(names string) []fault {
	var all []fault
	for _, f := range catalog() {
		if !picked(f.name, names) {
			continue
		}
		for range f.times {
			all = append(all, f)
		}
	}
	w.rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

func picked(name, names string) bool {
	if names == "" {
		return true
	}
	for part := range strings.SplitSeq(names, ",") {
		if strings.Contains(name, strings.TrimSpace(part)) {
			return true
		}
	}
	return false
}
