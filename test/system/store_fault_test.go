// Local stores that are harmed while their process is down (class 21): they are a cache of the changelog, and whatever they
// hold afterwards, rows must be what the log says.

package system

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

const (
	aging      = 3 * time.Second // between a copy of the tables and its return
	farAhead   = 1 << 40         // changelog offset
	aheadWords = "ahead of the changelog"
)

// harm does something to the tables of a process that is down, and starts it again.
func (w *world) harm(do func(m *member, tables string) error) time.Time {
	m := w.any(w.processors)
	m.down()
	w.must("harm the tables of "+m.name, do(m, filepath.Join(m.data, "tables")))
	m.back()
	return time.Now()
}

// flipStore flips a bit in the middle of every file of the tables.
func flipStore(w *world) time.Time {
	return w.harm(func(_ *member, tables string) error {
		return eachFile(tables, func(path string, size int64) error {
			if size == 0 {
				return nil
			}
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			if err != nil {
				return err
			}
			var b [1]byte
			_, err = f.ReadAt(b[:], size/2)
			b[0] ^= 1 << w.rand.IntN(8)
			_, err2 := f.WriteAt(b[:], size/2)
			return errors.Join(err, err2, f.Close())
		})
	})
}

// cutStore cuts every file of the tables in half.
func cutStore(w *world) time.Time {
	return w.harm(func(_ *member, tables string) error {
		return eachFile(tables, func(path string, size int64) error { return os.Truncate(path, size/2) })
	})
}

// eachFile walks over the files of Pebble that hold something.
func eachFile(dir string, do func(path string, size int64) error) error {
	return filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || e.Name() == "LOCK" {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		return do(path, info.Size())
	})
}

// ageStore puts the tables back to what they were a while ago.
func ageStore(w *world) time.Time {
	m, old := w.any(w.processors), w.dir+"/aged"
	tables := filepath.Join(m.data, "tables")
	m.down()
	w.must("copy the tables", errors.Join(os.RemoveAll(old), os.CopyFS(old, os.DirFS(tables))))
	m.back()
	if !m.ready(recoveryPatience) {
		w.t.Errorf("%s is not ready: %s", m.name, m.lastWords())
	}
	time.Sleep(aging)
	m.down()
	w.must("put the old tables back", errors.Join(os.RemoveAll(tables), os.CopyFS(tables, os.DirFS(old))))
	m.back()
	return time.Now()
}

// aheadStore lets a table say that it has read more than there is: it must be wiped, and that must be told.
func aheadStore(w *world) time.Time {
	var harmed *member
	from := w.harm(func(m *member, tables string) error {
		harmed = m
		db, err := pebble.Open(filepath.Join(tables, "conversation"), &pebble.Options{FormatMajorVersion: pebble.FormatNewest})
		if err != nil {
			return err
		}
		for p := range partitions {
			// The key is the partition, the kind of meta keys, and the name of the next offset: package wire's store.go.
			key := append(binary.BigEndian.AppendUint16(nil, uint16(p)), "mnext"...)
			if err := db.Set(key, binary.BigEndian.AppendUint64(nil, farAhead), pebble.Sync); err != nil {
				return errors.Join(err, db.Close())
			}
		}
		return db.Close()
	})
	if !w.says(aheadWords, from, harmed) {
		w.find("S", "%s does not say that its tables were ahead of the log", harmed.name)
	}
	return from
}

// says waits until one of the processes has logged something since a time.
func (w *world) says(words string, since time.Time, members ...*member) bool {
	for end := time.Now().Add(recoveryPatience); time.Now().Before(end); time.Sleep(pollEvery) {
		for _, m := range members {
			if m.logged(words, since) {
				return true
			}
		}
	}
	return false
}

// logged reports whether the process has logged something since a time.
func (m *member) logged(words string, since time.Time) bool {
	b, _ := os.ReadFile(m.log)
	for line := range strings.Lines(string(b)) {
		if !strings.Contains(line, words) {
			continue
		}
		stamp, _, _ := strings.Cut(strings.TrimPrefix(line, "time="), " ")
		if at, err := time.Parse(time.RFC3339, stamp); err != nil || !at.Before(since.Truncate(time.Millisecond)) {
			return true
		}
	}
	return false
}
