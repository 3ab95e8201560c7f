// The faults, in the order of their classes. A class has the number that it has in the table of the report.

package system

import (
	"slices"
	"strings"
	"time"
)

// fault is something that is done to the house. run returns when it is over, with the moment from which recovery counts.
type fault struct {
	class int
	name  string
	times int  // in one round
	lane  lane // the parts of the house that it strikes
	run   func(w *world) time.Time
}

// lane is parts of the house. Faults of different parts are done at once.
type lane uint16

const (
	processing lane = 1 << iota
	brokers
	memory
	documents
	doors // gateways, dispatchers, keys, clients
	followers
	load
	cables

	cluster = processing | brokers | doors | load | cables // what stands still without Kafka
	alone   = cluster | memory | documents | followers
)

// overlapping is the class of faults that were done at once; every wave of more than one counts there too.
const overlapping = 26

// classes are the names of classes in the report.
var classes = map[int]string{
	1: "kill -9 of a process, also while it recovers", 2: "kill -9 at a failpoint, or frozen there", 3: "process frozen past its session, then woken",
	4: "processors cut from the brokers alone",
	5: "rebalance storm", 6: "broker killed (leader, coordinator, controller, rolling, all)", 7: "broker frozen; lines slow, lossy, out of order, narrow",
	8: "in-sync replicas below the minimum", 9: "one-way and minority partitions", 10: "out of the model: what must not be goes", 11: "poison in the command topics",
	12: "all brokers silent at full load", 13: "Redis emptied, killed, frozen", 14: "documents killed, frozen",
	16: "gateway killed; half-open; same device twice; old epoch", 17: "slow readers", 18: "reconnect storm",
	19: "hot key with half of all load; full-size fan-out", 20: "disk full, then freed", 21: "local store harmed",
	23: "rolling restart (SIGTERM)", 24: "two versions mixed, and rollback", overlapping: "two or three of these at once",
}

// storeFaults are classes whose recovery counts until the views show what the probes said.
var storeFaults = map[int]bool{13: true, 14: true}

// catalog are the faults of one round.
func catalog() []fault {
	faults := []fault{
		{1, "processors killed", 2, processing, killProcessors}, {1, "processors killed while they recover", 1, processing, killRecovering},
		{1, "views killed", 2, followers, killViews}, {1, "dispatcher killed", 1, doors, killDispatcher}, {1, "keys killed", 1, doors, killKeys},
		{3, "processors frozen", 2, processing, freezeProcessors}, {3, "views frozen", 1, followers, freezeViews},
		{3, "dispatcher frozen", 1, doors, freezeDispatcher}, {3, "gateway frozen", 1, doors, freezeGateway},
		{5, "rebalance storm", 1, processing, rebalanceStorm},
		{6, "leader killed", 2, brokers, killLeader}, {6, "coordinator killed", 1, brokers, killCoordinator}, {6, "controller killed", 1, brokers, killController},
		{6, "brokers killed one after the other", 1, brokers, killRolling}, {6, "all brokers killed", 1, cluster, killAll},
		{7, "broker frozen", 2, brokers, freezeBroker}, {8, "two of three brokers away", 1, cluster, starveReplicas},
		{10, "offsets of a group deleted", 1, processing | brokers | cables, deleteOffsets},
		{10, "changelog made anew", 1, processing | brokers | cables, remakeTable},
		{11, "poison", 2, load, poisonAll}, {12, "all brokers frozen at full load", 1, cluster, silence},
		{13, "redis emptied", 1, memory, flushRedis}, {13, "redis killed", 1, memory, killRedis}, {13, "redis frozen", 1, memory, freezeRedis},
		{14, "documents killed", 1, documents, killMongo}, {14, "documents frozen", 1, documents, freezeMongo},
		{16, "gateway killed", 2, doors, killGateway}, {16, "half-open sockets", 1, doors, halfOpen},
		{16, "same device twice", 1, doors, twice}, {16, "old epoch", 1, doors, oldEpoch},
		{17, "slow readers", 1, doors, slowReaders}, {18, "reconnect storm", 1, doors, storm},
		{19, "hot key", 1, load, hotKey}, {19, "full-size fan-out", 1, load, fanOut},
		{20, "disk of a local store full", 1, processing, fillStore}, {20, "disk of a broker full", 1, brokers, fillBroker},
		{21, "local store bit-flipped", 1, processing, flipStore}, {21, "local store truncated", 1, processing, cutStore},
		{21, "local store replaced by an older copy", 1, processing, ageStore}, {21, "local store ahead of the log", 1, processing, aheadStore},
		{23, "rolling restart", 1, alone, rollingRestart}, {24, mixed, 1, alone, mixVersions},
	}
	return slices.Concat(faults, failpointFaults(), networkFaults())
}

// round is a round in an order of its own, in waves of faults that are done at once; names picks faults by parts of their
// names. A small campaign does each fault once, and of classes with many faults some, others each time.
func (w *world) round(names string, s size) [][]fault {
	var all, left []fault
	for _, f := range catalog() {
		if picked(f.name, names) && (w.net != nil || !f.wired()) {
			if s.once {
				f.times = 1
			}
			all = append(all, slices.Repeat([]fault{f}, f.times)...)
		}
	}
	done := map[int]int{}
	for _, i := range w.rand.Perm(len(all)) {
		f := all[i]
		if most := s.most[f.class]; most == 0 || done[f.class] < most || names != "" {
			done[f.class]++
			left = append(left, f)
		}
	}
	waves := inWaves(left, s.atOnce)
	var shuffled [][]fault
	for _, i := range w.rand.Perm(len(waves)) {
		shuffled = append(shuffled, waves[i])
	}
	return shuffled
}

// inWaves puts faults that do not clash together. Those of the busiest part lead, so that there are not many more waves
// than such faults.
func inWaves(left []fault, atOnce int) (waves [][]fault) {
	slices.SortStableFunc(left, func(f, g fault) int { return int(g.lane&processing) - int(f.lane&processing) })
	for len(left) > 0 {
		wave := left[:1:1]
		left = left[1:]
		for i := 0; i < len(left) && len(wave) < atOnce; i++ {
			if f := left[i]; !slices.ContainsFunc(wave, f.clashes) {
				wave = append(wave, f)
				left = slices.Delete(left, i, i+1)
				i--
			}
		}
		waves = append(waves, wave)
	}
	return waves
}

// clashes reports whether two faults cannot be done at once.
func (f fault) clashes(g fault) bool { return f.lane&g.lane != 0 }

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
