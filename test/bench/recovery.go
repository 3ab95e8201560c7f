// Coming back: a table that is read from its changelog by a process without a local store, and a process that is killed
// while people talk and another one holds copies of its tables.

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/parley-im/parley/test/bench/imload"
	"github.com/parley-im/parley/topology"
)

// restored is the process that reads its table, and has the machine for itself.
var restored = part{name: "processors", roles: []string{"processor/" + sequencer}, own: true, env: allCores}

// plan is the plan of the deployment that runs.
func (h *deployment) plan() topology.Plan {
	plan := topology.House()
	plan.Partitions, plan.Replication, plan.MinInsync, plan.FanOut = int32(h.partitions), 1, 1, groupLimit
	return plan
}

// measureRestore fills the table of conversations, and lets a process without a store begin, again and again.
func measureRestore(ctx context.Context, o options) (err error) {
	bytes := int64(0)
	o.parts = []part{restored}
	o.setup = setup{servers: []string{"kafka"}, filled: func(ctx context.Context, h *deployment) (err error) {
		bytes, err = crowd{tag: "restore", users: o.rows}.fill(ctx, h.kafka(), h.plan(), sequencer)
		return err
	}}
	h, err := open(ctx, o) // the first restore is for the broker
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	for round := range o.rounds {
		if err := h.leave(); err != nil {
			return err
		}
		if err := os.RemoveAll(filepath.Join(h.data, restored.name)); err != nil {
			return err
		}
		began := time.Now()
		if err := h.start(ctx, restored); err != nil {
			return err
		}
		seconds := time.Since(began).Seconds()
		system := imload.NewSystem(map[string]int{restored.name: h.pids[restored.name]})
		disk, err := sizeOf(filepath.Join(h.data, restored.name))
		if err != nil {
			return err
		}
		bare, err := readInto(ctx, h.kafka(), h.plan().Table(sequencer))
		if err != nil {
			return err
		}
		r := imload.Result{Peer: "parley", Scenario: "restore", Label: fmt.Sprintf("restore/%d", round+1), Figures: map[string]float64{
			"seconds": seconds, "bare_s": bare.Seconds(), "rows": float64(o.rows), "row_bytes": float64(bytes) / float64(o.rows),
			"cpu_s": system.CPU()[restored.name], "store_mib": disk / (1 << 20), "held_mib": float64(imload.Resident(h.pids[restored.name])) / (1 << 20),
		}}
		fmt.Fprintf(os.Stderr, "restore: %d rows of %.0f bytes in %.1f s (a bare reader: %.1f), %.1f s of CPU, %.0f MiB on disk\n",
			o.rows, r.Figures["row_bytes"], seconds, bare.Seconds(), r.Figures["cpu_s"], r.Figures["store_mib"])
		if err := o.note(r); err != nil {
			return err
		}
	}
	return nil
}

// readInto is how long a client that does nothing else needs to read a whole topic into a map: the reference of a restore.
func readInto(ctx context.Context, broker, topic string) (time.Duration, error) {
	began := time.Now()
	client, err := kgo.NewClient(kgo.SeedBrokers(broker), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return 0, err
	}
	defer client.Close()
	ends, err := kadm.NewClient(client).ListEndOffsets(ctx, topic)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return 0, err
	}
	left, rows := map[int32]int64{}, map[string][]byte{}
	ends.Each(func(o kadm.ListedOffset) {
		if o.Offset > 0 {
			left[o.Partition] = o.Offset
		}
	})
	for len(left) > 0 {
		fetched := client.PollFetches(ctx)
		if err := fetched.Err(); err != nil {
			return 0, err
		}
		fetched.EachRecord(func(r *kgo.Record) {
			rows[string(r.Key)] = r.Value
			if r.Offset+1 >= left[r.Partition] {
				delete(left, r.Partition)
			}
		})
	}
	return time.Since(began), nil
}

// sizeOf is how many bytes the files of a folder have.
func sizeOf(dir string) (bytes float64, err error) {
	err = filepath.Walk(dir, func(_ string, info os.FileInfo, err error) error {
		if errors.Is(err, os.ErrNotExist) { // a store removes files while it is looked at
			return nil
		}
		if err == nil && info.Mode().IsRegular() {
			bytes += float64(info.Size())
		}
		return err
	})
	return bytes, err
}

const (
	probeRate   = 100 // messages a second
	probeConns  = 200
	beforeKill  = 3 * time.Second
	takeoverFor = 15 * time.Second // of talking after that
	standbys    = 5 * time.Second  // for a process that came back to read what it missed
)

// pairOfProcessors are two processes of the same roles, each with a hot standby of the other's tables.
var pairOfProcessors = []part{
	{name: "processors", roles: []string{"processor/"}, own: true},
	{name: "processors-2", roles: []string{"processor/"}, own: true},
}

// measureTakeover kills one of two processes with kill -9 while people talk. The longest wait of a message, from when it was
// due to its delivery, is the gap: the probe is an open loop, so somebody's message is due in the moment of the kill.
func measureTakeover(ctx context.Context, o options) (err error) {
	o.parts = append(pairOfProcessors[:2:2], parts[1:]...)
	o.setup.settings = []string{"hot-standby: true", "session-timeout: " + o.session.String()}
	h, err := openHot(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	for round := range o.rounds {
		victim := pairOfProcessors[round%2]
		r, err := h.takeover(o, round, victim.name)
		if err == nil {
			err = o.note(r)
		}
		if err != nil {
			return err
		}
		if round+1 < o.rounds {
			if err := h.start(ctx, victim); err != nil {
				return err
			}
			time.Sleep(standbys)
		}
	}
	return nil
}

// takeover lets people talk, and kills somebody.
func (h *deployment) takeover(o options, round int, victim string) (imload.Result, error) {
	c := imload.Config{
		Peer: "parley", Scenario: "pairs", Label: fmt.Sprintf("takeover/%d", round+1), Conns: probeConns, Rate: probeRate,
		Warm: o.warm, Measure: beforeKill + takeoverFor, Drain: o.drain, System: imload.NewSystem(h.pids),
		Measuring: func() {
			time.Sleep(beforeKill)
			h.kill(victim)
		},
	}
	show, done := progress(fmt.Sprintf("takeover %d/%d, without %s", round+1, o.rounds, victim), int64(probeRate*(c.Warm+c.Measure).Seconds()))
	c.Progress = show
	r, err := imload.Run(&imload.Parley{Addr: h.http, Token: h.token, Tag: fmt.Sprintf("take%d-%x", round, time.Now().UnixMilli())}, c)
	done()
	if err != nil {
		return r, fmt.Errorf("%w\n%s", err, h.tails())
	}
	r.Figures = map[string]float64{"gap_s": r.E2EMax / 1000, "session_s": o.session.Seconds()}
	fmt.Fprintf(os.Stderr, "takeover: a gap of %.2f s, p50 %.1f ms, lost %d, duplicate %d, reordered %d, refused %d %s\n",
		r.Figures["gap_s"], r.E2E50, r.Lost, r.Dup, r.Reorder, r.AckErr, r.FirstErr)
	return r, nil
}
