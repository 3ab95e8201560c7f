// Two versions at once (class 24): a binary of an earlier commit works beside the present one, then alone, and then the
// present one comes back; all under load.

package system

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"github.com/parley-im/parley/test/house"
)

// earlier is the commit whose binary is mixed in: the oldest one that is promised to work beside the present one. Before
// 6cfb2ae documents had another form, and views must be built anew on the way.
const earlier = "f61bcd2"

const (
	mixed         = "two versions mixed, and rollback"
	buildPatience = 10 * time.Minute // the first time it fetches modules
)

// buildEarlier makes the binary of the earlier commit; it needs the repository's past. It is in no hurry: what it is mixed
// with needs the machine.
func (w *world) buildEarlier() string {
	if !picked(mixed, os.Getenv("FAULTS")) {
		return ""
	}
	source, binary := filepath.Join(w.dir, "earlier"), filepath.Join(w.dir, "parley-"+earlier)
	w.must("make "+source, os.MkdirAll(source, 0o755))
	script := fmt.Sprintf(`set -o pipefail; git --git-dir "$(git rev-parse --git-dir)" archive %s | tar -xf - -C %s`, earlier, source)
	if out, err := exec.Command("bash", "-c", script).CombinedOutput(); err != nil {
		w.leaveOut(24, fmt.Sprintf("two versions mixed: commit %s is not to be had: %s", earlier, out))
		return ""
	}
	ctx, cancel := context.WithTimeout(context.Background(), buildPatience)
	defer cancel()
	build := exec.CommandContext(ctx, "nice", "go", "build", "-o", binary, "./cmd/parley")
	build.Dir, build.WaitDelay = source, house.Patience // its compilers hold its output
	if out, err := build.CombinedOutput(); err != nil {
		w.t.Errorf("build commit %s: %v\n%s", earlier, err, out)
		return ""
	}
	return binary
}

// mixVersions lets one of each work with the earlier binary, then all, then none.
func mixVersions(w *world) time.Time {
	before := w.earlier()
	if before == "" {
		return time.Now()
	}
	half := []*member{w.processors[0], w.gateways[0], w.dispatchers[0]}
	rest := []*member{w.processors[1], w.gateways[1], w.dispatchers[1], w.views, w.keys}
	for i, step := range []struct {
		members []*member
		binary  string
	}{{half, before}, {rest, before}, {half, w.h.Binary}, {rest, w.h.Binary}} {
		w.become(step.members, step.binary)
		if w.crowd.probe().IsZero() {
			w.find("S", "nothing goes on with two versions mixed, step %d", i+1)
			break
		}
	}
	return time.Now()
}

// become restarts processes with another binary.
func (w *world) become(members []*member, binary string) {
	var wg sync.WaitGroup
	for _, m := range members {
		wg.Go(func() {
			m.mu.Lock()
			m.path = binary
			m.mu.Unlock()
			if !m.restart() {
				w.t.Errorf("%s is not ready with %s: %s", m.name, filepath.Base(binary), m.lastWords())
			}
		})
	}
	wg.Wait()
}
