// The coefficients are what a known deployment would cost: costs that are put in come out, and what is missing is named.

package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/parley-im/parley/deploy"
	"github.com/parley-im/parley/test/bench/imload"
)

// known are the lines of a deployment that costs 100/rate seconds and 1,000 bytes for 1,000 pairs, and so much for the rest.
func known(inbox, receipt, connect, renewal float64) map[string]imload.Result {
	lines := map[string]imload.Result{}
	line := func(name string, rate float64, members int, more, receipts float64) {
		delivered := int64(1000)
		if members > 0 {
			delivered *= int64(members - 1)
		}
		lines[name] = imload.Result{At: "2026-01-31T00:00:00Z", Sent: 1000, Delivered: delivered, Members: members,
			DeliveredPerS: rate * float64(delivered) / 1000,
			Processes:     map[string]float64{"kafka": 100/rate + more},
			Records:       map[string]float64{"bookmark.commands": receipts},
			Bytes:         map[string]float64{"inbox.events": 1000, inRedis + forPerson: 77},
		}
	}
	for name, rate := range map[string]float64{"pairs-2": 2, "pairs-30": 30, "pairs-100": 100, "pairs-300": 300, "pairs-full": 2000} {
		line(name, rate, 0, 0, 0)
	}
	line("group-full", 100, busiestGroup, (busiestGroup-2)*inbox, 0)
	line("group-10", 10, busiestGroup, (busiestGroup-2)*2*inbox, 0)
	line("reads", 150, 0, 0.5*receipt, 0.5)
	for name, cost := range map[string]float64{"come": connect, "renew": renewal} {
		lines[name] = imload.Result{At: "2026-01-31T00:00:00Z", Processes: map[string]float64{"kafka": cost}}
	}
	lines[weighed] = imload.Result{Figures: map[string]float64{"resident_kib": 9}}
	return lines
}

func TestFit(t *testing.T) {
	c, err := fit(known(0.25, 4, 7, 3))
	require.NoError(t, err)
	require.Equal(t, []float64{2, 30, 100, 300, 2000}, c.Rates)
	kafka := c.CPU["kafka"]
	require.InDeltaSlice(t, []float64{50, 3.3333, 1, 0.33333, 0.05}, kafka.Pairs, 1e-9)
	require.Equal(t, []float64{580, 5800, 58000}, c.InboxRates)
	require.InDelta(t, 0.25, kafka.Inbox[1], 1e-3)
	require.InDelta(t, 0.5, kafka.Inbox[0], 1e-3)
	require.InDelta(t, 0.25+(1-0.05)/(busiestGroup-2), kafka.Inbox[2], 1e-3, "where requests are shared, the rest is the inboxes'")
	require.InDelta(t, 4, kafka.Receipt, 1e-3)
	require.Equal(t, []float64{7, 3}, []float64{kafka.Connect, kafka.Renewal})
	require.Equal(t, deploy.Cost{Pairs: []float64{1000, 1000, 1000, 1000, 1000}, Inbox: []float64{0, 0, 0}}, c.Bytes["inbox.events"])
	require.NotContains(t, c.Bytes, inRedis+forPerson)
	require.Equal(t, map[string]float64{inRedis: 77}, c.Person)
	require.Equal(t, map[string]float64{"gateway": 9}, c.Connection)
	require.Equal(t, "2026-01-31", c.Measured)

	lines := known(0, 0, 0, 0)
	delete(lines, "reads")
	_, err = fit(lines)
	require.ErrorContains(t, err, "capacity-reads")
}

func TestResultsCanBeRead(t *testing.T) {
	_, err := newest("results.jsonl")
	require.NoError(t, err)
	_, err = newest(filepath.Join(t.TempDir(), "none.jsonl"))
	require.Error(t, err)
}

func TestComparisonOfATalk(t *testing.T) {
	r := imload.Result{Sent: 10, Delivered: 10, DeliveredPerS: 5, Processes: map[string]float64{"kafka": 2, "redis": 2},
		Records: map[string]float64{"a": 11}, Bytes: map[string]float64{"a": 100, inPages: 50, inRedis: 1}}
	var f foretold
	f.PerMessage.CPU = map[string]float64{"kafka": 1, "redis": 2.5}
	f.PerMessage.Records = map[string]float64{"a": 11}
	f.PerMessage.Bytes = map[string]float64{"a": 121, inPages: 500, inRedis: 1}
	var told strings.Builder
	require.Equal(t, 1, compareTalk(&told, unseen[0], r, f), "CPU is 12 % off and passes, the log 21 %")
	require.Contains(t, told.String(), "| CPU: kafka | 1 | 2 | -50 % |")
	require.Contains(t, told.String(), "| **CPU** | 3.5 | 4 | -12 % |")
	require.Contains(t, told.String(), "| **bytes in the log** | 121 | 100 | +21 % |")
}
