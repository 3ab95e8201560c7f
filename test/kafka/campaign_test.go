// A campaign: members that fold in processes of their own, a feeder, and faults.

package kafka_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire"
)

// childEnv makes this test binary a member of a group instead of running tests. Its value is a childConfig in JSON.
const childEnv = "PARLEY_CAMPAIGN_MEMBER"

type childConfig struct {
	Subject    string
	Brokers    []string
	Partitions int32
	Dir        string
	Instance   string
	Session    time.Duration
	Drain      time.Duration
}

func TestMain(m *testing.M) {
	if text := os.Getenv(childEnv); text != "" {
		runMember(text)
	}
	os.Exit(m.Run())
}

// runMember is the whole life of a child process.
func runMember(text string) {
	slog.SetDefault(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})))
	var cfg childConfig
	if err := json.Unmarshal([]byte(text), &cfg); err != nil {
		slog.Error("the member's configuration is not JSON", "error", err)
		os.Exit(2)
	}
	s := subjects[cfg.Subject]
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	err := wire.RunGroup(ctx, wire.GroupConfig{
		Plan: s.plan(cfg.Partitions, 1), Machine: s.machine(),
		Settings: wire.Settings{
			Cluster: wire.Cluster{Brokers: cfg.Brokers}, Dir: cfg.Dir, InstanceID: cfg.Instance,
			SessionTimeout: cfg.Session, DrainLimit: cfg.Drain,
		},
	})
	if err != nil {
		slog.Error("the group ended", "error", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// campaign is one run of a subject.
type campaign struct {
	t          testing.TB
	name       string
	subject    subject
	plan       topology.Plan
	cluster    wire.Cluster
	dir        string
	session    time.Duration
	drain      time.Duration
	members    []*member
	emitter    *wire.Emitter
	sent       atomic.Int64 // commands that Kafka has
	fed        chan struct{}
	stopFeeder context.CancelFunc
}

const (
	campaignSession  = 2 * time.Second
	campaignDrain    = 3 * time.Second
	campaignRespawn  = 300 * time.Millisecond // pause before a member that ended by itself is started again
	campaignPatience = 90 * time.Second       // after the last fault, for every command to have its outcome
)

func newCampaign(t testing.TB, name string, brokers []string, partitions int32, members int) *campaign {
	t.Helper()
	s := subjects[name]
	c := &campaign{
		t: t, name: name, subject: s, plan: s.plan(partitions, 1), cluster: wire.Cluster{Brokers: brokers}, dir: t.TempDir(),
		session: campaignSession, drain: campaignDrain, fed: make(chan struct{}),
	}
	var err error
	c.emitter, err = wire.NewEmitter(wire.EmitterConfig{
		Cluster: c.cluster, Plan: c.plan, Name: "feeder", Deadline: 5 * time.Minute, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range members {
		c.members = append(c.members, c.newMember(i))
	}
	for _, m := range c.members {
		m.start()
	}
	t.Cleanup(c.close)
	return c
}

func (c *campaign) close() {
	for _, m := range c.members {
		m.end()
	}
	if c.stopFeeder != nil {
		c.stopFeeder()
		<-c.fed
	}
	_ = c.emitter.Close(time.Second)
	for _, m := range c.members {
		for _, w := range m.words() {
			c.t.Logf("%s: %s", m.instance, w)
		}
	}
	if c.t.Failed() {
		for _, m := range c.members {
			c.t.Logf("--- last words of %s\n%s", m.instance, m.tail())
		}
	}
}

// feed sends n commands at a steady rate in the background.
func (c *campaign) feed(n, rate int) {
	ctx, cancel := context.WithCancel(context.Background())
	c.stopFeeder = cancel
	go func() {
		defer close(c.fed)
		begin := time.Now()
		for i := 0; i < n && ctx.Err() == nil; i++ {
			topic, key, value := c.subject.command(i)
			headers := []topology.Header{{Key: topology.HeaderCorrelation, Value: fmt.Appendf(nil, "%016d", i)}}
			for {
				err := c.emitter.Emit(topic, key, value, headers, func(_ wire.Placed, err error) {
					if err != nil {
						c.t.Errorf("feed: %v", err)
					}
					c.sent.Add(1)
				})
				if !errors.Is(err, wire.ErrOverloaded) {
					break
				}
				time.Sleep(time.Millisecond)
			}
			if wait := time.Until(begin.Add(time.Duration(i) * time.Second / time.Duration(rate))); wait > 0 {
				time.Sleep(wait)
			}
		}
	}()
}

// verify waits until all commands have their outcomes, and checks them.
func (c *campaign) verify(n int) (repeats int) {
	c.t.Helper()
	<-c.fed
	for end := time.Now().Add(campaignPatience); ; time.Sleep(500 * time.Millisecond) {
		missing, repeats, faults := 0, 0, []string(nil)
		if c.sent.Load() < int64(n) {
			missing = n
		} else {
			missing, repeats, faults = c.subject.missing(c.t, c.cluster, n)
		}
		if missing == 0 || time.Now().After(end) || len(faults) > 0 {
			c.t.Logf("%d commands, %d without exactly one outcome, %d repeats dropped, %d faults", n, missing, repeats, len(faults))
			if missing > 0 || len(faults) > 0 {
				c.t.Fatalf("%d commands without exactly one outcome; faults:\n%s", missing, strings.Join(faults, "\n"))
			}
			return repeats
		}
	}
}

// member is a process of the group. One that ends by itself is started again, as a supervisor would.
type member struct {
	c        *campaign
	instance string
	dir      string
	log      string

	mu      sync.Mutex
	command *exec.Cmd
	exited  chan struct{}
	over    bool
	endings map[int]int // exit code -> how often it ended by itself
}

func (c *campaign) newMember(i int) *member {
	instance := fmt.Sprintf("member-%d", i)
	return &member{
		c: c, instance: instance, dir: filepath.Join(c.dir, instance), log: filepath.Join(c.dir, instance+".log"), endings: map[int]int{},
	}
}

// start starts the process and watches over it.
func (m *member) start() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.over {
		return
	}
	text, err := json.Marshal(childConfig{
		Subject: m.c.name, Brokers: m.c.cluster.Brokers, Partitions: m.c.plan.Partitions, Dir: m.dir, Instance: m.instance,
		Session: m.c.session, Drain: m.c.drain,
	})
	if err != nil {
		m.c.t.Fatal(err)
	}
	log, err := os.OpenFile(m.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		m.c.t.Fatal(err)
	}
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), childEnv+"="+string(text))
	command.Stdout, command.Stderr = log, log
	if err := command.Start(); err != nil {
		m.c.t.Fatal(err)
	}
	log.Close()
	exited := make(chan struct{})
	m.command, m.exited = command, exited
	go m.watch(command, exited)
}

func (m *member) watch(command *exec.Cmd, exited chan struct{}) {
	_ = command.Wait() // how it ended is in its state
	close(exited)
	state := command.ProcessState.Sys().(syscall.WaitStatus)
	m.mu.Lock()
	byItself := !state.Signaled() && !m.over
	if byItself {
		m.endings[state.ExitStatus()]++
	}
	m.mu.Unlock()
	if byItself {
		time.Sleep(campaignRespawn)
		m.start()
	}
}

func (m *member) signal(s syscall.Signal) {
	m.mu.Lock()
	defer m.mu.Unlock()
	_ = m.command.Process.Signal(s) // a member that has just ended is started again
}

// kill is kill -9, and waits for the end.
func (m *member) kill() {
	m.mu.Lock()
	command, exited := m.command, m.exited
	m.mu.Unlock()
	_ = command.Process.Kill()
	<-exited
}

// restart kills and starts again; wipe removes the local store in between.
func (m *member) restart(wipe bool) {
	m.kill()
	if wipe {
		if err := os.RemoveAll(m.dir); err != nil {
			m.c.t.Error(err)
		}
	}
	m.mu.Lock()
	byItself := !m.command.ProcessState.Sys().(syscall.WaitStatus).Signaled()
	m.mu.Unlock()
	if !byItself { // else the watcher starts it
		m.start()
	}
}

// end kills for good.
func (m *member) end() {
	m.mu.Lock()
	m.over = true
	m.mu.Unlock()
	m.kill()
}

// ended is how often the member ended by itself with a code.
func (m *member) ended(code int) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.endings[code]
}

// words are the errors that the member wrote before it ended by itself.
func (m *member) words() []string {
	b, _ := os.ReadFile(m.log)
	var list []string
	for line := range strings.Lines(string(b)) {
		if strings.Contains(line, "the group ended") || strings.Contains(line, "the process ends") {
			list = append(list, strings.TrimSpace(line[:min(len(line), wordBytes)]))
		}
	}
	return list
}

const wordBytes = 600 // of an error, shown

const tailBytes = 4000

func (m *member) tail() string {
	b, _ := os.ReadFile(m.log)
	return string(b[max(0, len(b)-tailBytes):])
}
