// Disks that are full (class 20): the tables of a process and the log of a broker lie on small disks of their own, which
// shrink to what is on them, and grow again.

package system

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

const (
	storeDiskMiB  = 4 << 10 // of memory at most, and only what is used
	brokerDiskMiB = 8 << 10
	brokerDisk    = "broker"
	fullBroker    = 0 // the broker whose log lies on a disk of its own
	fullFor       = 2 * time.Second
	diskLook      = 100 * time.Millisecond
	brokerEnds    = 30 * time.Second // a broker that goes on for longer on a full disk is killed
)

// disk is a file system in memory.
type disk struct {
	dir string
	mib int
}

// disk mounts one; nil where that is not allowed, and faults of disks are left out, loudly.
func (w *world) disk(dir string, mib int) *disk {
	w.must("make "+dir, os.MkdirAll(dir, 0o755))
	d := &disk{dir, mib}
	err := syscall.Mount("tmpfs", dir, "tmpfs", 0, d.size(int64(mib)<<10))
	if errors.Is(err, syscall.EPERM) {
		w.leaveOut(20, "disks that are full: nothing can be mounted here")
		return nil
	}
	w.must("mount "+dir, err)
	w.t.Cleanup(func() { w.must("unmount "+dir, d.pull()) })
	return d
}

// pull takes the disk away, and everything on it.
func (d *disk) pull() error { return syscall.Unmount(d.dir, syscall.MNT_DETACH) }

func (d *disk) size(kib int64) string { return fmt.Sprintf("size=%dk,mode=0755", kib) }

// fill lets nothing more be written.
func (d *disk) fill() error {
	for range 20 { // what is written meanwhile makes the new size too small
		var s syscall.Statfs_t
		if err := syscall.Statfs(d.dir, &s); err != nil {
			return err
		}
		used := int64(s.Blocks-s.Bfree) * s.Bsize
		if err := syscall.Mount("", d.dir, "tmpfs", syscall.MS_REMOUNT, d.size(used>>10)); err == nil {
			return nil
		}
	}
	return fmt.Errorf("%s does not become full", d.dir)
}

func (d *disk) free() error {
	return syscall.Mount("", d.dir, "tmpfs", syscall.MS_REMOUNT, d.size(int64(d.mib)<<10))
}

// fillStore fills the disk of a process's tables: the process must end, not limp, and be well again when there is room.
func fillStore(w *world) time.Time {
	m := w.any(w.processors)
	d := w.disks[m.name]
	if d == nil {
		return time.Now()
	}
	m.running()
	before := m.died()
	w.must("fill the disk", d.fill())
	for end := time.Now().Add(recoveryPatience); m.died() == before; time.Sleep(diskLook) {
		if time.Now().After(end) {
			w.find("S", "%s goes on without room for its tables", m.name)
			break
		}
	}
	time.Sleep(fullFor)
	w.must("free the disk", d.free())
	return time.Now()
}

// fillBroker fills the disk of a broker's log: it ends, or is killed, and comes back when there is room.
func fillBroker(w *world) time.Time {
	d := w.disks[brokerDisk]
	if d == nil {
		return time.Now()
	}
	ended := w.kafka.Exited() // of the first broker
	w.must("fill the disk", d.fill())
	select {
	case <-ended:
	case <-time.After(brokerEnds):
		w.note("the broker goes on without room for its log, and is killed")
	}
	w.must("kill the broker", w.kafka.Kill(fullBroker))
	w.must("free the disk", d.free())
	w.must("start the broker", w.kafka.Start(fullBroker))
	return time.Now()
}
