// What must be noticed: topics created again, logs that shrank, stores that are ahead, broken or old.

package group

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire/cluster"
	"github.com/parley-im/parley/topology/wire/law"
	"github.com/parley-im/parley/topology/wire/read"
	"github.com/parley-im/parley/topology/wire/store"
	"github.com/parley-im/parley/topology/wire/wiretest"
)

// seasoned is a deployment whose group has folded some commands and stopped.
func seasoned(t *testing.T) (*deployment, string, *kadm.Client) {
	h := newDeployment(t, 2)
	dir := t.TempDir()
	r := start(t, h.config(dir))
	r.awaitReady(t)
	h.Send(200, 10)
	h.Whole()
	require.NoError(t, r.stop(t))
	client, err := kgo.NewClient(kgo.SeedBrokers(h.Cluster.Brokers...))
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return h, dir, kadm.NewClient(client)
}

func (h *deployment) recreate(admin *kadm.Client, topic string) {
	_, err := admin.DeleteTopics(h.T.Context(), topic)
	require.NoError(h.T, err)
	require.Eventually(h.T, func() bool {
		answer, err := admin.CreateTopic(h.T.Context(), h.Plan.Partitions, 1, nil, topic)
		return err == nil && answer.Err == nil
	}, wiretest.Timeout, 50*time.Millisecond)
}

const table = "wiretest.counter-table"

// alarms are kinds of damage, and the error that each must give.
var alarms = map[string]struct {
	harm     func(t *testing.T, h *deployment, admin *kadm.Client)
	wipe     bool // the local store too
	kind     string
	contains string
}{
	"the changelog is created again": {
		harm: func(_ *testing.T, h *deployment, admin *kadm.Client) { h.recreate(admin, table) },
		kind: law.AlarmTopic, contains: "local store belongs to another",
	},
	"the changelog is created again, without a local store": {
		harm: func(_ *testing.T, h *deployment, admin *kadm.Client) { h.recreate(admin, table) },
		wipe: true, kind: law.AlarmTopic, contains: "since the last commit",
	},
	"the input is created again, without a local store": {
		harm: func(_ *testing.T, h *deployment, admin *kadm.Client) { h.recreate(admin, wiretest.Commands) },
		wipe: true, kind: law.AlarmTopic, contains: wiretest.Commands + " was deleted and created again since offset",
	},
	"inputs beyond the commit are deleted": {
		harm: func(t *testing.T, h *deployment, admin *kadm.Client) {
			h.Send(100, 10)
			ends, err := admin.ListEndOffsets(t.Context(), wiretest.Commands)
			require.NoError(t, err)
			_, err = admin.DeleteRecords(t.Context(), ends.Offsets())
			require.NoError(t, err)
		},
		kind: law.AlarmInput, contains: "inputs were deleted",
	},
	"the commit is beyond the input's end": {
		harm: func(t *testing.T, h *deployment, admin *kadm.Client) {
			h.commit(t, admin, 1_000_000, "moved by hand")
		},
		kind: law.AlarmInput, contains: "acknowledged records are gone",
	},
	"the changelog ends below the commit's note": {
		harm: func(t *testing.T, h *deployment, admin *kadm.Client) {
			h.commit(t, admin, 10, law.Note{Nonce: "x", Table: h.tableID(t, admin), Next: 1_000_000}.String())
		},
		wipe: true, kind: law.AlarmChangelog, contains: "acknowledged records are gone",
	},
	"the commits are gone and so are the first inputs": {
		harm: func(t *testing.T, h *deployment, admin *kadm.Client) {
			_, err := admin.DeleteGroups(t.Context(), h.Plan.Consumer(wiretest.GroupOf))
			require.NoError(t, err)
			offsets := kadm.Offsets{}
			offsets.AddOffset(wiretest.Commands, 0, 5, -1)
			offsets.AddOffset(wiretest.Commands, 1, 5, -1)
			_, err = admin.DeleteRecords(t.Context(), offsets)
			require.NoError(t, err)
		},
		kind: law.AlarmCommits, contains: "lost its commit",
	},
	"the changelog is cut short": {
		harm: func(t *testing.T, h *deployment, admin *kadm.Client) {
			ends, err := admin.ListEndOffsets(t.Context(), table)
			require.NoError(t, err)
			end, _ := ends.Lookup(table, 0)
			offsets := kadm.Offsets{}
			offsets.AddOffset(table, 0, end.Offset-2, -1) // the last rows of most keys
			_, err = admin.DeleteRecords(t.Context(), offsets)
			require.NoError(t, err)
		},
		wipe: true, kind: law.AlarmChangelog, contains: "records of the table were deleted",
	},
	"a row holds inputs that the log does not have": {
		harm: func(_ *testing.T, h *deployment, _ *kadm.Client) {
			last, generation := h.lastRow("user3/x")
			ahead, err := topology.WithThrough(last.Value, 1_000_000)
			require.NoError(h.T, err)
			h.writeLate("user3/x", ahead, generation)
		},
		kind: law.AlarmInput, contains: "new ones in their place would be dropped",
	},
}

func TestAlarms(t *testing.T) {
	for name, c := range alarms {
		t.Run(name, func(t *testing.T) {
			h, dir, admin := seasoned(t)
			c.harm(t, h, admin)
			if c.wipe {
				require.NoError(t, os.RemoveAll(dir))
			}
			cfg := h.config(dir)
			registry := prometheus.NewRegistry()
			cfg.Metrics = registry
			r := start(t, cfg)
			err := r.wait(t)
			require.ErrorIs(t, err, cluster.ErrAlarm)
			require.ErrorContains(t, err, c.contains)
			require.ErrorIs(t, <-r.exits, cluster.ErrAlarm)
			require.Positive(t, metricOf(t, registry, "parley_group_alarms_total", c.kind))
		})
	}
}

func TestGroupThatNeverFoldedWhatWasDeletedStops(t *testing.T) {
	h := newDeployment(t, 1)
	h.Send(20, 5)
	client, err := kgo.NewClient(kgo.SeedBrokers(h.Cluster.Brokers...))
	require.NoError(t, err)
	defer client.Close()
	offsets := kadm.Offsets{}
	offsets.AddOffset(wiretest.Commands, 0, 5, -1)
	_, err = kadm.NewClient(client).DeleteRecords(t.Context(), offsets)
	require.NoError(t, err)
	err = start(t, h.config(t.TempDir())).wait(t)
	require.ErrorIs(t, err, cluster.ErrAlarm)
	require.ErrorContains(t, err, "never folded what was deleted")
}

func TestCensusIsTakenInAStoreThatHasNone(t *testing.T) {
	h, dir, _ := seasoned(t)
	for name, remove := range map[string]bool{"as it was kept": false, "counted again": true} {
		t.Run(name, func(t *testing.T) {
			folder := filepath.Join(dir, wiretest.GroupOf)
			if remove {
				db, err := pebble.Open(folder, &pebble.Options{Logger: quiet{}})
				require.NoError(t, err)
				for p := range h.Plan.Partitions {
					require.NoError(t, db.Delete(diskKey(p, 'm', "census"), pebble.Sync))
				}
				require.NoError(t, db.Close())
			}
			local, err := store.Open(folder, wiretest.Log(t), func(err error) { t.Error(err) })
			require.NoError(t, err)
			defer func() { require.NoError(t, local.Close()) }()
			rows := int64(0)
			for p := range h.Plan.Partitions {
				opened, err := local.OpenPartition(p, newMetrics(nil, "test", func() float64 { return 0 }).store)
				require.NoError(t, err)
				c := opened.Census()
				ends, err := read.Ends(t.Context(), h.Cluster, wiretest.Commands)
				require.NoError(t, err)
				require.Equal(t, ends[p].End, c.Through)
				rows += c.Rows
			}
			require.EqualValues(t, 10, rows)
		})
	}
}

// diskKey is a key of the local store as it is on disk: partition, kind, key.
func diskKey(partition int32, kind byte, key string) []byte {
	return append(append(binary.BigEndian.AppendUint16(nil, uint16(partition)), kind), key...)
}

// quiet is a logger for Pebble.
type quiet struct{}

func (quiet) Infof(string, ...any)           {}
func (quiet) Errorf(string, ...any)          {}
func (quiet) Fatalf(format string, a ...any) { panic(fmt.Sprintf(format, a...)) }

func (h *deployment) commit(t *testing.T, admin *kadm.Client, at int64, note string) {
	offsets := kadm.Offsets{}
	for p := range h.Plan.Partitions {
		offsets.Add(kadm.Offset{Topic: wiretest.Commands, Partition: p, At: at, LeaderEpoch: -1, Metadata: note})
	}
	require.NoError(t, admin.CommitAllOffsets(t.Context(), h.Plan.Consumer(wiretest.GroupOf), offsets))
}

func (h *deployment) tableID(t *testing.T, admin *kadm.Client) string {
	topics, err := admin.ListTopics(t.Context(), h.Plan.Table(wiretest.GroupOf))
	require.NoError(t, err)
	for _, d := range topics {
		return hexID(d.ID)
	}
	return ""
}

// metricOf adds up a counter, of one label value or of all ("").
func metricOf(t *testing.T, r *prometheus.Registry, name, label string) float64 {
	families, err := r.Gather()
	require.NoError(t, err)
	sum := 0.0
	for _, f := range families {
		for _, m := range f.GetMetric() {
			match := label == ""
			for _, l := range m.GetLabel() {
				match = match || l.GetValue() == label
			}
			if f.GetName() == name && match {
				sum += m.GetCounter().GetValue()
			}
		}
	}
	return sum
}

func TestStoreAheadOfItsLogIsWipedAndReadAgain(t *testing.T) {
	h, dir, _ := seasoned(t)
	db, err := pebble.Open(filepath.Join(dir, wiretest.GroupOf), &pebble.Options{Logger: quiet{}})
	require.NoError(t, err)
	ahead := binary.BigEndian.AppendUint64(nil, 1_000_000)
	require.NoError(t, db.Set(diskKey(0, 'm', "next"), ahead, pebble.Sync))
	require.NoError(t, db.Set(diskKey(0, 'r', "user0/x"), []byte{8, 0xff, 0xff, 0x7f}, pebble.Sync)) // a row that the log never had
	require.NoError(t, db.Close())
	cfg := h.config(dir)
	registry := prometheus.NewRegistry()
	cfg.Metrics = registry
	r := start(t, cfg)
	r.awaitReady(t)
	h.Send(200, 10)
	h.Whole()
	h.tableIsWhole()
	require.EqualValues(t, 1, metricOf(t, registry, "parley_group_stores_wiped_total", ""))
	require.NoError(t, r.stop(t))
}

func TestBrokenStoreIsRemovedAndReadAgain(t *testing.T) {
	for name, harm := range map[string]func(t *testing.T, dir string){
		"its manifest is cut": func(t *testing.T, dir string) {
			files, err := filepath.Glob(filepath.Join(dir, "MANIFEST-*"))
			require.NoError(t, err)
			require.NotEmpty(t, files)
			require.NoError(t, os.Truncate(files[0], 10))
		},
		"it was found broken": func(t *testing.T, dir string) {
			require.NoError(t, os.WriteFile(filepath.Join(dir, "DISTRUSTED"), nil, 0o644))
		},
		"it is an older copy": func(t *testing.T, dir string) {
			db, err := pebble.Open(dir, &pebble.Options{Logger: quiet{}})
			require.NoError(t, err)
			require.NoError(t, db.DeleteRange(diskKey(0, 'r', ""), diskKey(0, 'r'+1, ""), pebble.Sync))
			require.NoError(t, db.Set(diskKey(0, 'm', "next"), make([]byte, 8), pebble.Sync))
			require.NoError(t, db.Close())
		},
	} {
		t.Run(name, func(t *testing.T) {
			h, dir, _ := seasoned(t)
			harm(t, filepath.Join(dir, wiretest.GroupOf))
			start(t, h.config(dir)).awaitReady(t)
			h.Send(200, 10)
			h.Whole()
			h.tableIsWhole()
		})
	}
}

func TestLostCommitsWithWholeInputFoldAgainAndSayNothingNew(t *testing.T) {
	h, dir, admin := seasoned(t)
	_, err := admin.DeleteGroups(t.Context(), h.Plan.Consumer(wiretest.GroupOf))
	require.NoError(t, err)
	require.NoError(t, os.RemoveAll(dir))
	r := start(t, h.config(dir))
	r.awaitReady(t)
	h.Send(50, 10)
	require.Zero(t, h.Whole().Repeats, "rows drop what they have")
	require.NoError(t, r.stop(t))
}

func TestTakeoverRecordsAreNoRows(t *testing.T) {
	h, _, _ := seasoned(t)
	takeovers := 0
	for _, r := range h.Read(h.Plan.Table(wiretest.GroupOf)) {
		if law.IsMark(&r) {
			takeovers++
		}
	}
	require.Equal(t, 2, takeovers)
	require.False(t, law.IsMark(&topology.Record{Key: law.TakeoverKey("x")}), "a key alone is no takeover: anybody may send one")
}
