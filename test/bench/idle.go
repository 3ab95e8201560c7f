// What a connection costs that says nothing: the gateway's memory before and after thousands of them.
//
//	go run ./test/bench idle -connections 10000

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/parley-im/parley/test/bench/imload"
)

const (
	idleSettle = 5 * time.Second // for answers, presence and the scavenger, before memory is read
	kibibyte   = 1024.0
)

// memory of a process, in bytes.
type memory struct {
	live     float64 // heap and stacks in use, garbage collected before
	resident float64 // what the kernel counts
}

func idleCommand(ctx context.Context, args []string) (err error) {
	o := options{parts: parts}
	flags := flag.NewFlagSet("bench idle", flag.ExitOnError)
	n := flags.Int("connections", 10_000, "people who connect and say nothing; twice as many files must be allowed to a process")
	flags.IntVar(&o.partitions, "partitions", 8, "partitions of every topic")
	flags.StringVar(&o.binary, "binary", "", "a built parley (default: build it)")
	flags.StringVar(&o.profile, "profile", os.TempDir(), "folder for a heap profile of the gateway")
	if err := flags.Parse(args); err != nil {
		return err
	}
	h, err := open(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	before, err := h.memory("gateway", "")
	if err != nil {
		return err
	}
	show, done := progress("accounts and connections", int64(*n))
	peer := &imload.Parley{Addr: h.http, Token: h.token, Tag: fmt.Sprintf("idle-%x", time.Now().UnixMilli())}
	plan := imload.Plan{Users: *n}
	if err := peer.Prepare(plan); err != nil {
		return fmt.Errorf("%w\n%s", err, h.tails())
	}
	conns := make([]imload.Conn, *n)
	err = imload.Each(*n, func(i int) (err error) {
		conns[i], err = peer.Dial(i, plan, deaf{})
		show(int64(i))
		return err
	})
	done()
	if err != nil {
		return fmt.Errorf("%w\n%s", err, h.tails())
	}
	time.Sleep(idleSettle)
	after, err := h.memory("gateway", filepath.Join(o.profile, "idle-heap.pprof"))
	if err != nil {
		return err
	}
	for _, c := range conns {
		c.Close()
	}
	fmt.Printf("%d idle WebSocket connections: %.1f KiB each alive in the gateway (heap and stacks), %.1f KiB each resident\n",
		*n, (after.live-before.live)/kibibyte/float64(*n), (after.resident-before.resident)/kibibyte/float64(*n))
	return nil
}

// memory lets a process collect its garbage, keeps the profile of what is alive in a file if one is named, and reads both
// figures.
func (h *house) memory(name, heap string) (m memory, err error) {
	profile, err := get("http://" + h.admins[name] + "/debug/pprof/heap?gc=1")
	if err == nil && heap != "" {
		err = os.WriteFile(heap, profile, 0o644)
	}
	if err != nil {
		return m, err
	}
	told, err := get("http://" + h.admins[name] + "/metrics")
	if err != nil {
		return m, err
	}
	for line := range strings.Lines(string(told)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if key == "go_memstats_heap_alloc_bytes" || key == "go_memstats_stack_inuse_bytes" {
			f, err := strconv.ParseFloat(value, 64)
			if err != nil {
				return m, err
			}
			m.live += f
		}
	}
	m.resident = float64(resident(h.pids[name]))
	return m, nil
}

func get(url string) ([]byte, error) {
	answer, err := http.Get(url)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", url, answer.Status)
	}
	return io.ReadAll(answer.Body)
}
