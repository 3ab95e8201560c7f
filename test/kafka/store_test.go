// Harm to local stores: ahead, older, truncated, flipped. They are caches of the changelog, so the way back is the start.

package kafka_test

import (
	"encoding/binary"
	"os"
	"path/filepath"

	"github.com/cockroachdb/pebble/v2"
	"google.golang.org/protobuf/proto"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/topology"
)

func (p *patient) store() string { return filepath.Join(p.dir, p.group().Name) }

// storeAhead gives the store of partition 0 a position that its log never had, and a row too.
func storeAhead(p *patient) {
	p.season()
	db, err := pebble.Open(p.store(), &pebble.Options{})
	p.must(err)
	position := binary.BigEndian.AppendUint64(nil, 1_000_000)
	p.must(db.Set([]byte("\x00\x00mnext"), position, pebble.Sync))
	p.must(db.Set([]byte("\x00\x00ruser0/x"), []byte{8, 0xff, 0xff, 0x7f}, pebble.Sync))
	p.must(db.Close())
	if o := p.healed(nil); o.count("stores_wiped_total", "") != 1 {
		p.Fatal("no metric tells that a store was ahead")
	}
}

func storeOlder(p *patient) {
	p.season()
	older := p.TempDir()
	p.must(os.CopyFS(older, os.DirFS(p.dir)))
	p.season()
	p.wipe()
	p.dir = older
	p.healed(nil)
}

func storeTruncated(p *patient) {
	p.season()
	for _, name := range p.files("MANIFEST-*") {
		p.must(os.Truncate(name, 10))
	}
	if o := p.healed(nil); o.count("stores_removed_total", "") != 1 {
		p.Fatal("no metric tells that a store was removed")
	}
}

func (p *patient) files(pattern string) []string {
	p.Helper()
	list, err := filepath.Glob(filepath.Join(p.store(), pattern))
	p.must(err)
	if len(list) == 0 {
		p.Fatalf("no file %s in the store", pattern)
	}
	return list
}

// storeFlipped flips bits where rows lie. Whether Pebble sees it at once or when a row is read, the process ends or begins
// without the store, and the next start is whole.
func storeFlipped(p *patient) {
	p.season()
	db, err := pebble.Open(p.store(), &pebble.Options{})
	p.must(err)
	p.must(db.Flush())
	p.must(db.Compact(p.Context(), []byte{0}, []byte{0xff}, false))
	p.must(db.Close())
	for _, name := range p.files("*.sst") {
		b, err := os.ReadFile(name)
		p.must(err)
		for i := len(b) / 8; i < len(b)/2; i += 64 {
			b[i] ^= 0x10
		}
		p.must(os.WriteFile(name, b, 0o644))
	}
	removed, ended := 0.0, 0
	const starts = 3
	for range starts {
		o := p.run(p.dir, nil)
		p.feed(100)
		err := p.folds(o)
		removed += o.count("stores_removed_total", "")
		if err == nil {
			p.whole()
			break
		}
		p.Logf("said: %v", err)
		ended++
	}
	if removed != 1 {
		p.Fatalf("the store was removed %v times, after %d ends", removed, ended)
	}
}

// folds waits until the owner has folded everything, or ended.
func (p *patient) folds(o *owner) (err error) {
	p.Helper()
	p.until("folded, or ended", func() bool {
		select {
		case err = <-o.ended:
			o.ended <- err
			_ = o.stop()
			return true
		default:
		}
		v, broken := judge(p.Context(), p.cluster, p.stage, p.machines, p.kept)
		return broken == nil && v.harm() == 0
	})
	return err
}

// skipped is what the hall makes of an input at which a machine panics: the row moves on, and a letter says so.
func skipped(g topology.Group, row []byte, in *topology.Record) ([]byte, []topology.Output) {
	var r pb.Row
	if err := r.UnmarshalVT(row); err != nil {
		panic(err)
	}
	if row != nil && in.Offset < r.Through {
		return nil, nil
	}
	r.Through = in.Offset + 1
	letter := must(proto.MarshalOptions{Deterministic: true}.Marshal(&pb.DeadLetter{
		Group: g.Name, Topic: g.Input, Partition: in.Partition, Offset: in.Offset, Failing: pb.Failing_FAILING_PANIC,
	}))
	return must(r.MarshalVT()), []topology.Output{{Topic: topology.DeadLetters, Key: in.Key, Value: letter}}
}

// asSaid folds as the log says: inputs whose letter tells of a panic are skipped, as replay must.
func (p *patient) asSaid(fold topology.Fold) topology.Fold {
	skips := map[topology.Cause]bool{}
	for _, r := range p.read(topology.DeadLetters) {
		if c, err := topology.UnpackCause(r.Get(topology.HeaderCause)); err == nil && c.Epoch == p.stage.Epoch {
			skips[c] = true
		}
	}
	return func(rules uint32, row []byte, in *topology.Record) ([]byte, []topology.Output) {
		if skips[topology.Cause{Epoch: p.stage.Epoch, Group: p.group().Number, Partition: in.Partition, Offset: in.Offset}] {
			return skipped(p.group(), row, in)
		}
		return fold(rules, row, in)
	}
}
