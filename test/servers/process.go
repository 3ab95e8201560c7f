// This file runs one server process: start, stop, kill, pause, and the end of its log when something is wrong.

package servers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/parley-im/parley/test/servers/network"
)

const (
	// stopGrace is how long a server may take over SIGTERM before it is killed.
	stopGrace = 20 * time.Second
	// startLimit is how long a server may take to answer on a busy machine; an idle one needs two seconds.
	startLimit = 90 * time.Second
	// readyPause lies between two questions whether a starting server answers.
	readyPause = 40 * time.Millisecond
	// tailBytes of a log are shown when a server fails: enough for a Java stack trace.
	tailBytes = 6 << 10
)

// ErrExternal is what the life-cycle methods answer for a server that was not started here but named in PARLEY_TEST_*.
var ErrExternal = errors.New("this server was given by PARLEY_TEST_*, and only servers started here can be started or stopped; use servers.Own()")

// process is one server program that can be started again and again with the same arguments.
type process struct {
	name    string
	path    string
	args    []string
	dir     string
	logPath string
	host    *network.Host // where it runs; nil = here

	mu      sync.Mutex
	pid     int
	paused  bool
	exited  chan struct{} // closed when the running process has ended; nil before the first start
	exitErr error
}

// start runs the program. It does not wait until the server answers.
func (p *process) start() error {
	if p.running() {
		return fmt.Errorf("%s already runs", p.name)
	}
	log, err := os.OpenFile(p.logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("open the log of %s: %w", p.name, err)
	}
	cmd := exec.Command(p.path, p.args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = p.dir, log, log, ownGroup()
	started, exited := make(chan error), make(chan struct{})
	p.mu.Lock()
	p.exited, p.exitErr, p.paused = exited, nil, false
	p.mu.Unlock()
	go func() {
		// The parent-death signal fires when the *thread* that forked ends, so that thread is kept until the child is gone.
		runtime.LockOSThread()
		if p.host == nil {
			defer runtime.UnlockOSThread()
		}
		defer log.Close()
		defer close(exited)
		if err := p.host.Enter(); err != nil {
			started <- fmt.Errorf("start %s: %w", p.name, err)
			return
		}
		if err := cmd.Start(); err != nil {
			started <- fmt.Errorf("start %s (%s): %w", p.name, p.path, err)
			return
		}
		p.mu.Lock()
		p.pid = cmd.Process.Pid
		p.mu.Unlock()
		started <- nil
		err := cmd.Wait()
		p.mu.Lock()
		p.exitErr = err
		p.mu.Unlock()
	}()
	return <-started
}

func (p *process) running() bool {
	p.mu.Lock()
	exited := p.exited
	p.mu.Unlock()
	if exited == nil {
		return false
	}
	select {
	case <-exited:
		return false
	default:
		return true
	}
}

// signal reaches the whole process group: a server that forked (Redis rewriting its file) is one server.
func (p *process) signal(sig syscall.Signal) error {
	if !p.running() {
		return fmt.Errorf("%s does not run", p.name)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch sig {
	case syscall.SIGSTOP:
		p.paused = true
	case syscall.SIGCONT:
		p.paused = false
	}
	if err := syscall.Kill(-p.pid, sig); err != nil {
		return fmt.Errorf("send %v to %s: %w", sig, p.name, err)
	}
	return nil
}

// terminate sends SIGTERM, waking a paused process first, because a stopped one never sees it.
func (p *process) terminate() error {
	if p.isPaused() {
		if err := p.signal(syscall.SIGCONT); err != nil {
			return err
		}
	}
	return p.signal(syscall.SIGTERM)
}

// awaitExit waits for the end of a terminated process and kills it when it takes longer than its grace.
func (p *process) awaitExit(grace time.Duration) error {
	select {
	case <-p.exited:
		return nil
	case <-time.After(grace):
	}
	if err := p.kill(); err != nil {
		return err
	}
	return fmt.Errorf("%s did not stop within %v of SIGTERM and was killed; end of its log:\n%s", p.name, grace, p.tail())
}

// kill is kill -9. It returns when the process is gone and its ports are free; killing a dead process is no error.
func (p *process) kill() error {
	if !p.running() {
		return nil
	}
	if err := p.signal(syscall.SIGKILL); err != nil && p.running() {
		return err
	}
	<-p.exited
	return nil
}

func (p *process) isPaused() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.paused
}

// awaitReady asks until the server answers, the process ends, or the time is over.
func (p *process) awaitReady(ctx context.Context, ask func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	var last error
	for {
		once, done := context.WithTimeout(ctx, 5*time.Second)
		last = ask(once)
		done()
		if last == nil {
			return nil
		}
		select {
		case <-p.exited:
			return fmt.Errorf("%s ended while starting (%v); end of its log:\n%s", p.name, p.exitErr, p.tail())
		case <-ctx.Done():
			return fmt.Errorf("%s does not answer (%w); end of its log:\n%s", p.name, last, p.tail())
		case <-time.After(readyPause):
		}
	}
}

// tail is the end of the server's log.
func (p *process) tail() string {
	data, err := os.ReadFile(p.logPath)
	if err != nil {
		return fmt.Sprintf("(no log: %v)", err)
	}
	if len(data) > tailBytes {
		data = data[len(data)-tailBytes:]
		if i := bytes.IndexByte(data, '\n'); i >= 0 {
			data = data[i+1:]
		}
	}
	return string(data)
}
