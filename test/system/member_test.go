// One process of the house: it is kept alive, killed, frozen, and asked whether it is ready.

package system

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/parley-im/parley/test/servers/network"
	"github.com/parley-im/parley/topology/wire/failpoint"
)

const (
	restartAfter = 200 * time.Millisecond // as a supervisor does: not at once, not late
	readyEvery   = 50 * time.Millisecond
	endingLines  = 3 // of the log of a process that ended by itself
)

// member is a process that is started again whenever it ends.
type member struct {
	name  string
	roles []string
	env   []string
	admin string
	args  []string
	log   string // file
	path  string
	host  *network.Host                 // where it runs; nil = here
	data  string                        // folder
	trap  string                        // file that says where it dies
	tells func(format string, a ...any) // fails the campaign

	mu      sync.Mutex
	cond    *sync.Cond
	cmd     *exec.Cmd // nil while it does not run
	struck  int       // the pid that was told to end
	trapped bool      // or shall end by its trap
	away    bool
	over    bool
	ended   chan struct{}
	deaths  int
	own     []string // why it ended without being told to
}

func newMember(w *world, name string, roles []string, data string, env ...string) *member {
	m := &member{
		name: name, roles: roles, env: env, path: w.h.Binary, log: w.dir + "/" + name + ".log", admin: w.port(name), ended: make(chan struct{}),
		host: w.host(name), data: data, trap: w.dir + "/" + name + ".trap", tells: w.t.Errorf,
	}
	m.cond = sync.NewCond(&m.mu)
	m.args = append([]string{"run", "--settings", w.h.Settings, "--admin", m.admin, "--instance", name, "--data", data}, roles...)
	return m
}

// keep runs the process again and again until leave.
func (m *member) keep() {
	go func() {
		defer close(m.ended)
		// The signal that a child gets when its parent dies is sent when the thread dies that made it.
		runtime.LockOSThread()
		if m.host == nil {
			defer runtime.UnlockOSThread()
		} else if err := m.host.Enter(); err != nil {
			m.tells("start %s: %v", m.name, err)
			return
		}
		for m.awaited() {
			if err := m.once(); err != nil {
				m.tells("start %s: %v", m.name, err)
				return
			}
			time.Sleep(restartAfter)
		}
	}()
}

// awaited waits until the process shall run; false = never again.
func (m *member) awaited() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for m.away && !m.over {
		m.cond.Wait()
	}
	return !m.over
}

// once runs the process to its end, unless it was sent away meanwhile.
func (m *member) once() error {
	log, err := os.OpenFile(m.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	c, err := m.start(log)
	if c == nil {
		return err
	}
	err = c.Wait()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.deaths++
	if byTrap := m.byTrap(); !byTrap && m.struck != c.Process.Pid && !m.over {
		m.own = append(m.own, fmt.Sprintf("%v: %s", err, m.lastWords()))
	}
	m.cmd = nil
	m.cond.Broadcast()
	return nil
}

// start makes the process; nil = it shall not run any more. Whoever sends it away does so before, or tells the process.
func (m *member) start(log *os.File) (*exec.Cmd, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.away || m.over {
		return nil, nil
	}
	c := exec.Command(m.path, m.args...)
	c.Env, c.Stdout, c.Stderr = append(append(os.Environ(), failpoint.Env+"="+m.trap), m.env...), log, log
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := c.Start(); err != nil {
		return nil, err
	}
	m.cmd = c
	m.cond.Broadcast()
	return c, nil
}

// await waits until something is so, which is looked at whenever the process has begun or ended. If it never is, the
// campaign fails, and the process says where it stands, in its log, and ends.
func (m *member) await(what string, so func() bool) {
	late := false
	timer := time.AfterFunc(recoveryPatience, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		late = true
		m.cond.Broadcast()
	})
	defer timer.Stop()
	m.mu.Lock()
	defer m.mu.Unlock()
	for !so() && !late {
		m.cond.Wait()
	}
	if so() {
		return
	}
	m.tells("%s does not %s within %v: %s", m.name, what, recoveryPatience, m.lastWords())
	m.send(syscall.SIGQUIT, true)
	m.send(syscall.SIGCONT, true)
}

// lastWords are the last errors of the log.
func (m *member) lastWords() string {
	b, _ := os.ReadFile(m.log)
	lines := strings.Split(strings.TrimSpace(string(b[max(0, len(b)-4<<10):])), "\n")
	return strings.Join(lines[max(0, len(lines)-endingLines):], " | ")
}

// signal sends a signal to the process, if it runs; told = it shall end by this.
func (m *member) signal(s syscall.Signal, told bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.send(s, told)
}

// send is signal for whoever has the lock.
func (m *member) send(s syscall.Signal, told bool) {
	if m.cmd == nil {
		return
	}
	if told {
		m.struck = m.cmd.Process.Pid
	}
	_ = m.cmd.Process.Signal(s)
}

// kill is kill -9, of a process that runs.
func (m *member) kill() time.Time {
	m.running()
	m.signal(syscall.SIGKILL, true)
	return time.Now()
}

// running waits until the process runs.
func (m *member) running() {
	m.await("begin", func() bool { return m.cmd != nil || m.over || m.away })
}

// freeze stops the process for a time and lets it go on.
func (m *member) freeze(d time.Duration) time.Time {
	m.running()
	m.signal(syscall.SIGSTOP, false)
	time.Sleep(d)
	m.signal(syscall.SIGCONT, false)
	return time.Now()
}

// restart ends the process in good order and waits until the next one is ready.
func (m *member) restart() bool {
	m.running()
	m.mu.Lock()
	last := m.cmd // nil = it has just ended
	m.send(syscall.SIGTERM, true)
	m.mu.Unlock()
	m.await("end", func() bool { return m.cmd == nil || m.cmd != last })
	return m.ready(recoveryPatience)
}

// rest ends the process in good order and leaves it so until it is called back.
func (m *member) rest() { m.sendAway(syscall.SIGTERM) }

// down is kill -9, and the process stays so until it is called back.
func (m *member) down() {
	m.running()
	m.sendAway(syscall.SIGKILL)
	m.gone()
}

func (m *member) sendAway(s syscall.Signal) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.away = true
	m.send(s, true)
}

// gone waits until a process that was sent away has ended.
func (m *member) gone() { m.await("end", func() bool { return m.cmd == nil }) }

// died is how often the process has ended.
func (m *member) died() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.deaths
}

func (m *member) back() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.away = false
	m.cond.Broadcast()
}

// leave ends the process for ever; waiting for it is the caller's.
func (m *member) leave() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.over = true
	m.cond.Broadcast()
	m.send(syscall.SIGCONT, true)
	m.send(syscall.SIGTERM, true)
}

// ready waits until the process says that it is ready.
func (m *member) ready(within time.Duration) bool {
	client := http.Client{Timeout: 2 * time.Second}
	for end := time.Now().Add(within); time.Now().Before(end); time.Sleep(readyEvery) {
		resp, err := client.Get("http://" + m.admin + "/readyz")
		if err != nil {
			continue
		}
		_ = resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			return true
		}
	}
	return false
}

// residentKiB is the process's resident memory, 0 when it does not run.
func (m *member) residentKiB() int {
	m.mu.Lock()
	c := m.cmd
	m.mu.Unlock()
	if c == nil {
		return 0
	}
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.Process.Pid))
	for line := range strings.Lines(string(b)) {
		var kib int
		if _, err := fmt.Sscanf(line, "VmRSS: %d kB", &kib); err == nil {
			return kib
		}
	}
	return 0
}
