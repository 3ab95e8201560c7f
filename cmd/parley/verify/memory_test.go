// What an auditor keeps grows with people and conversations, and with how far back it compares repeats; not with the log.

package verify

import (
	"flag"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parley-im/parley/processors"
	"github.com/parley-im/parley/processors/audit"
	"github.com/parley-im/parley/test/walk"
	"github.com/parley-im/parley/topology"
)

// A million takes two minutes: go test ./cmd/parley/verify -run TestAuditorsFolder -v -args -records=1000000.
var auditedRecords = flag.Int("records", 60_000, "that the auditor whose folder is measured follows")

const (
	auditedPeople = 40
	auditedGroup  = 8   // of them are in one group
	auditedWindow = 150 // inputs of a partition within which repeats are compared
	auditedEvery  = 64  // checkpoints and judgements in the life of the log

	auditedKeeps  = 512 << 10 // bytes of keys and values, at any time: of outputs within the window half, the rest of people
	auditedFolder = 32 << 20  // bytes of its files: a store also keeps what was overwritten for a while
)

func TestAuditorsFolderDoesNotGrowWithTheLog(t *testing.T) {
	plan := topology.House()
	plan.Partitions = 4
	log := chatter(plan, *auditedRecords)
	m, err := openMemory(t.TempDir(), "a log", true)
	require.NoError(t, err)
	defer func() { require.NoError(t, m.close()) }()
	a, err := audit.New(plan, processors.Machines(plan), m, nil)
	require.NoError(t, err)
	a.Remember(auditedWindow)
	var kept []int64
	for i := range log {
		require.NoError(t, a.Take(&log[i]))
		if (i+1)%(len(log)/auditedEvery) == 0 {
			a.Check(audit.Horizon{})
			require.NoError(t, a.Flush())
			require.NoError(t, m.checkpoint())
			kept = append(kept, keptBytes(m))
			require.Less(t, kept[len(kept)-1], int64(auditedKeeps), "bytes kept after %d records", i+1)
		}
	}
	require.Zero(t, a.Counts().Total(), "%v", a.Counts().Kept)
	require.InEpsilon(t, kept[len(kept)/2], kept[len(kept)-1], 0.1, "it grows with the log: %v", kept)
	require.NoError(t, m.db.Flush())
	folder := m.db.Metrics().DiskSpaceUsage()
	require.Less(t, folder, uint64(auditedFolder), "bytes of the folder")
	t.Logf("%d records: %d bytes kept after half of them, %d after all; the folder has %d", len(log), kept[len(kept)/2], kept[len(kept)-1], folder)
}

// chatter is a log of people who talk in pairs and in a group, of about so many records.
func chatter(plan topology.Plan, records int) []topology.Record {
	h := walk.New(plan)
	var people []*walk.Device
	var members []string
	for i := range auditedPeople {
		people = append(people, h.Device(fmt.Sprintf("person%d", i), "phone"))
		people[i].CreateAccount()
		if 0 < i && i < auditedGroup {
			members = append(members, people[i].User)
		}
	}
	h.Run()
	group := people[0].CreateGroup("hall", "The hall", members...)
	var talks []string
	for i, d := range people {
		if i%2 == 0 {
			talks = append(talks, d.OpenDirect(people[i+1].User))
		}
	}
	h.Run()
	const (
		each  = 12          // records of a message between two, and more of one to the group
		pause = time.Second // a person is over no rate
	)
	for n := range records / each {
		d, to := people[n%auditedPeople], talks[n%auditedPeople/2]
		if n%auditedPeople < auditedGroup && n%3 == 0 {
			to = group
		}
		d.SendText(to, "something")
		if n%3 == 0 {
			d.Seen(to, uint64(n), uint64(n/2))
		}
		h.Wait(pause)
		h.Run()
	}
	return h.Log()
}

// keptBytes is how much stands in the memory.
func keptBytes(m *memory) (sum int64) {
	m.Scan([]byte{0}, identityKey, func(key, value []byte) bool {
		sum += int64(len(key) + len(value))
		return true
	})
	return sum
}

func TestAMemoryIsAboutOneLog(t *testing.T) {
	dir := t.TempDir()
	m, err := openMemory(dir, "one log", false)
	require.NoError(t, err)
	m.Set([]byte("p"), []byte("kept"))
	m.Set([]byte("q"), []byte("kept too"))
	m.Set(startedKey, nil)
	require.NoError(t, m.checkpoint())
	m.Set([]byte("p"), []byte("not kept: no checkpoint follows"))
	m.Forget([]byte("q"), []byte("r"))
	require.Nil(t, m.Get([]byte("q")))
	_, err = openMemory(dir, "one log", false)
	require.ErrorContains(t, err, "one auditor at a time")
	require.NoError(t, m.close())

	_, err = openMemory(dir, "another log", false)
	require.ErrorContains(t, err, "--from-start")
	m, err = openMemory(dir, "one log", false)
	require.NoError(t, err)
	require.Equal(t, "kept", string(m.Get([]byte("p"))))
	require.Equal(t, "kept too", string(m.Get([]byte("q"))))
	require.NoError(t, m.close())
	m, err = openMemory(dir, "another log", true)
	require.NoError(t, err)
	require.Nil(t, m.Get([]byte("p")))
	require.NoError(t, m.close())
}
