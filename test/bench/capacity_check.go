// The coefficients are tried on talks that they were not made from: what `parley capacity` says of them, beside what was measured.

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/parley-im/parley/test/bench/imload"
)

// agreement is how far a sum may be from what was measured.
const agreement = 0.20

// foretold is the part of `parley capacity --output json` that can be measured here.
type foretold struct {
	PerMessage struct {
		CPU     map[string]float64 `json:"cpu_seconds_per_1000"`
		Bytes   map[string]float64 `json:"bytes"`
		Records map[string]float64 `json:"records"`
	} `json:"per_message"`
}

// checkCapacity compares, writes what it found, and fails when a sum is further off than it may be.
func checkCapacity(ctx context.Context, o options) (err error) {
	if o.binary == "" {
		dir, err := os.MkdirTemp("", "parley-check-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		o.binary = filepath.Join(dir, "parley")
		if err := build(ctx, "", o.binary); err != nil {
			return err
		}
	}
	lines, err := newest(o.results)
	if err != nil {
		return err
	}
	off := 0
	err = toReport(o.report, func(w io.Writer) error {
		fmt.Fprintf(w, "# What `parley capacity` foretells, beside what was measured\n\n"+
			"`go run ./test/bench capacity` measured on %s; `go run ./test/bench capacity -check` compares. The coefficients were made from\n"+
			"other talks of the same run. CPU is in seconds for 1,000 messages; bytes and records for one.\n", machine())
		for _, t := range unseen {
			r, ok := lines[t.name]
			if !ok {
				return fmt.Errorf("no line is labelled capacity-%s: run `go run ./test/bench capacity`", t.name)
			}
			f, err := foretell(ctx, o.binary, r)
			if err != nil {
				return err
			}
			off += compareTalk(w, t, r, f)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if off > 0 {
		return fmt.Errorf("%d sums are more than %.0f %% off: measure anew with `go run ./test/bench capacity`", off, 100*agreement)
	}
	return nil
}

// compareTalk is the table of one talk; it answers how many sums are too far off.
func compareTalk(w io.Writer, t talk, r imload.Result, f foretold) int {
	fmt.Fprintf(w, "\n## %s (%s, %d connections, groups of %d, %.0f messages a second)\n\n| | foretold | measured | difference |\n|---|---|---|---|\n",
		t.name, r.At, r.Conns, max(2, r.Members), perSecond(r))
	inLog := func(all map[string]float64) map[string]float64 {
		topics := maps.Clone(all)
		for _, store := range []string{inRedis, inPages, inRedis + forPerson} {
			delete(topics, store)
		}
		return topics
	}
	off := told(w, "CPU", f.PerMessage.CPU, r.Processes)
	off += told(w, "records", f.PerMessage.Records, r.Records)
	off += told(w, "bytes in the log", inLog(f.PerMessage.Bytes), inLog(r.Bytes))
	row(w, "bytes in documents", f.PerMessage.Bytes[inPages], r.Bytes[inPages])
	row(w, "bytes in Redis (it takes them in steps)", f.PerMessage.Bytes[inRedis], r.Bytes[inRedis])
	return off
}

// foretell asks `parley capacity` about a run, without presences: it is over before anybody renews one.
func foretell(ctx context.Context, binary string, r imload.Result) (foretold, error) {
	number := func(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }
	direct, members := "1", "2"
	if r.Members > 0 {
		direct, members = "0", strconv.Itoa(r.Members)
	}
	out, err := exec.CommandContext(ctx, binary, "capacity", "--output", "json",
		"--users", strconv.Itoa(r.Conns), "--online", "0", "--messages", number(perSecond(r)*86_400/float64(r.Conns)),
		"--direct", direct, "--group-mean", members, "--group-largest", members, "--peak", "1", "--replication", "1",
		"--message-bytes", strconv.Itoa(imload.TextSize), "--receipts", "0", "--connects", "0").Output()
	var f foretold
	if err != nil {
		return f, fmt.Errorf("parley capacity: %w", err)
	}
	return f, json.Unmarshal(out, &f)
}

// told prints a kind of costs, each and their sum, and counts a sum that is too far off.
func told(w io.Writer, kind string, foretold, measured map[string]float64) int {
	for _, name := range slices.Sorted(maps.Keys(measured)) {
		row(w, kind+": "+name, foretold[name], measured[name])
	}
	if math.Abs(row(w, "**"+kind+"**", total(foretold), total(measured))) > agreement {
		return 1
	}
	return 0
}

func row(w io.Writer, what string, foretold, measured float64) float64 {
	off := (foretold - measured) / measured
	fmt.Fprintf(w, "| %s | %.4g | %.4g | %+.0f %% |\n", what, foretold, measured, 100*off)
	return off
}
