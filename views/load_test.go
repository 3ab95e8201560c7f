// What the views cost under load: events of a crowd folded into real servers, in CPU of the servers and of the views apart.

package views_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/parley-im/parley/test/servers"
	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/views"
	"github.com/parley-im/parley/views/viewtest"
)

// The log that is folded.
const (
	crowdPairs    = 100
	crowdMessages = 50_000
	crowdStride   = 37  // from one sender to the next
	crowdText     = 200 // bytes
)

// crowdJVM is Java as the benchmarks of the whole system run it.
var crowdJVM = []string{"-Xmx2g", "-XX:TieredStopAtLevel=4"}

// crowd is a log of messages between pairs of people, all equally busy.
func crowd(b *testing.B) *viewtest.Scenario {
	s := viewtest.New(b)
	var pairs [crowdPairs]string
	for i := range pairs {
		pairs[i] = s.Direct(fmt.Sprintf("one%03d", i), fmt.Sprintf("other%03d", i))
	}
	text := strings.Repeat("x", crowdText)
	for i := range crowdMessages {
		pair := i * crowdStride % crowdPairs
		s.Message(pairs[pair], s.Members(pairs[pair])[i/crowdPairs%2], text)
	}
	return s
}

// BenchmarkLoad folds the crowd in batches as a busy follower makes them.
func BenchmarkLoad(b *testing.B) {
	for _, view := range []string{"inbox", "history"} {
		for _, size := range []int{64, 256, 1024} {
			b.Run(fmt.Sprintf("%s/%d", view, size), func(b *testing.B) { load(b, view, size) })
		}
	}
}

func load(b *testing.B, name string, size int) {
	s := crowd(b)
	view, _ := s.Plan.View(name)
	stores := loaded(b, s.Plan, view)
	log, records := s.Log[view.Input[0]], 0
	for _, of := range log {
		records += len(of)
	}
	var server, own []float64 // of each round
	for b.Loop() {
		anew := views.Stores{}
		if at := map[string]int{name: len(own) + 1}; stores.Lists != nil {
			anew.Lists = stores.Lists.At(at)
		} else {
			anew.Documents = stores.Documents.At(at)
		}
		p, err := views.NewProjector(views.Config{Plan: s.Plan, View: name, Stores: anew})
		require.NoError(b, err)
		serverBefore, ownBefore := childrenCPU(b), ownCPU(b)
		foldAll(b, p, log, size)
		server = append(server, float64((childrenCPU(b)-serverBefore).Microseconds())/float64(records))
		own = append(own, float64((ownCPU(b)-ownBefore).Microseconds())/float64(records))
	}
	// The later ones are of a server that is warm.
	b.ReportMetric(median(server[len(server)/2:]), "server-us/record")
	b.ReportMetric(median(own[len(own)/2:]), "views-us/record")
}

func median(of []float64) float64 {
	slices.Sort(of)
	return of[len(of)/2]
}

// loaded opens a real server of the view's kind, with the files that it has in production.
func loaded(b *testing.B, plan topology.Plan, view topology.View) views.Stores {
	settings := views.StoreSettings{Plan: plan}
	if view.Store == "redis" {
		settings.Redis = servers.Redis(b, servers.AOF()).Addr
	} else {
		server, err := servers.StartMongo(b.Context(), servers.MongoConfig{Dir: b.TempDir(), Own: true, JVM: crowdJVM})
		if err != nil {
			servers.SkipOrFail(b, "MongoDB", err)
		}
		b.Cleanup(func() { require.NoError(b, server.Close()) })
		settings.Documents, settings.MongoURI = views.Mongo, server.URI
	}
	stores, err := views.Open(b.Context(), settings)
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, stores.Close()) })
	return stores
}

// foldAll folds all partitions beside each other, as a follower does.
func foldAll(b *testing.B, p *views.Projector, log map[int32][]topology.Record, size int) {
	g, ctx := errgroup.WithContext(b.Context())
	for partition, records := range log {
		g.Go(func() error {
			if _, err := p.Start(ctx, partition); err != nil {
				return err
			}
			for len(records) > 0 {
				n := min(size, len(records))
				if err := p.Handle(ctx, partition, records[:n]); err != nil {
					return err
				}
				records = records[n:]
			}
			return nil
		})
	}
	require.NoError(b, g.Wait())
}

// childrenCPU is what the servers that this process started have used.
func childrenCPU(b *testing.B) time.Duration {
	const tick = 10 * time.Millisecond // of the kernel's counters
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	require.NoError(b, err)
	var ticks time.Duration
	for _, name := range stats {
		stat, err := os.ReadFile(name)
		if err != nil {
			continue // it has just ended
		}
		_, rest, _ := strings.Cut(string(stat), ") ")
		fields := strings.Fields(rest) // from the third of the line on
		if fields[1] != strconv.Itoa(os.Getpid()) {
			continue
		}
		for _, field := range fields[11:13] {
			n, err := strconv.ParseInt(field, 10, 64)
			require.NoError(b, err)
			ticks += time.Duration(n)
		}
	}
	return ticks * tick //nolint:durationcheck // a number of ticks
}

func ownCPU(b *testing.B) time.Duration {
	var usage syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
