// A store that fails: what Pebble meets in the background ends the process, and what is corrupt is not trusted again.

package store

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/stretchr/testify/require"

	"github.com/parley-im/parley/topology/wire/law"
)

func TestStoreThatCannotBeWrittenInTheBackgroundEndsTheProcess(t *testing.T) {
	broken := make(chan error, 100)
	s := &Store{broken: func(err error) { broken <- err }}
	var full atomic.Bool
	full.Store(true)
	disk := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if full.Load() && op.Kind == errorfs.OpCreate && strings.HasSuffix(op.Path, ".sst") {
			return syscall.ENOSPC
		}
		return nil
	}))
	db, err := pebble.Open("", &pebble.Options{EventListener: s.failures(), FS: disk, Logger: pebbleLog{testLog(t)}})
	require.NoError(t, err)
	require.NoError(t, db.Set([]byte("key"), []byte("value"), pebble.NoSync))
	_, err = db.AsyncFlush()
	require.NoError(t, err)
	select {
	case err := <-broken:
		require.ErrorContains(t, err, "make room")
	case <-time.After(10 * time.Second):
		t.Error("the store goes on")
	}
	full.Store(false)
	require.NoError(t, db.Close())
}

func TestCorruptStoreIsRemovedAtTheNextStart(t *testing.T) {
	s, err := Open(filepath.Join(t.TempDir(), "store"), testLog(t), func(err error) { t.Error(err) })
	require.NoError(t, err)
	for i := range 100 {
		require.NoError(t, s.db.Set(diskKey(0, law.RowEntry, fmt.Sprint(i)), make([]byte, 100), pebble.NoSync))
	}
	require.NoError(t, s.db.Flush())
	require.NoError(t, s.Close())
	files, err := filepath.Glob(filepath.Join(s.dir, "*.sst"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, name := range files {
		b, err := os.ReadFile(name)
		require.NoError(t, err)
		b[len(b)/8] ^= 0x10
		require.NoError(t, os.WriteFile(name, b, 0o644))
	}
	again, err := Open(s.dir, testLog(t), func(error) {})
	require.NoError(t, err)
	_, err = again.get(0, law.RowEntry, "1")
	require.True(t, pebble.IsCorruptionError(err))
	_ = again.Close()
	third, err := Open(s.dir, testLog(t), func(error) {})
	require.NoError(t, err)
	require.True(t, third.rebuilt)
	require.NoError(t, third.Close())
}
