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

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire"
	"github.com/parley-im/parley/topology/wire/wiretest"
)

// childEnv makes this test binary a member of a group instead of running tests. Its value is a childConfig in JSON.
const childEnv = "PARLEY_CAMPAIGN_MEMBER"

type childConfig struct {
	Stage    stage
	Wiring   string
	Brokers  []string
	Dir      string
	Instance string
	Session  time.Duration
	Drain    time.Duration
}

// Wirings of members.
const (
	ours   = "parley" // topology/wire
	theirs = "stock"  // goka as its examples show it
	naive  = "naive"  // the same, and rows do not remember which input they have
)

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
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	run := runOurs
	if cfg.Wiring != ours {
		run = runStock
	}
	if err := run(ctx, cfg); err != nil {
		slog.Error("the group ended", "error", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// runOurs runs every machine of the stage until one ends.
func runOurs(ctx context.Context, cfg childConfig) error {
	machines := cfg.Stage.machines()
	ended := make(chan error, len(machines))
	for _, m := range machines {
		go func() {
			ended <- wire.RunGroup(ctx, wire.GroupConfig{
				Plan: cfg.Stage.plan(), Machine: m,
				Settings: wire.Settings{
					Cluster: wire.Cluster{Brokers: cfg.Brokers}, Dir: cfg.Dir, InstanceID: cfg.Instance,
					SessionTimeout: cfg.Session, DrainLimit: cfg.Drain,
				},
			})
		}()
	}
	return <-ended
}

// campaign is one run of a stage.
type campaign struct {
	t          testing.TB
	stage      stage
	wiring     string
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

// The long form has more of every fault.
var isLong = os.Getenv("PARLEY_KAFKA") == "long"

// long is a figure of the short or of the long form.
func long(short, long int) int {
	if isLong {
		return long
	}
	return short
}

// newCampaign makes the topics and starts the members.
func newCampaign(t testing.TB, s stage, brokers []string, members int) *campaign {
	t.Helper()
	c := planCampaign(t, s, brokers)
	c.createTopics()
	c.startMembers(members)
	return c
}

// planCampaign starts nothing but the feeder's producer.
func planCampaign(t testing.TB, s stage, brokers []string) *campaign {
	t.Helper()
	c := &campaign{
		t: t, stage: s, wiring: ours, cluster: wire.Cluster{Brokers: brokers}, dir: t.TempDir(),
		session: campaignSession, drain: campaignDrain, fed: make(chan struct{}),
	}
	var err error
	c.emitter, err = wire.NewEmitter(wire.EmitterConfig{
		Cluster: c.cluster, Plan: s.plan(), Name: "feeder", Deadline: 5 * time.Minute, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.close)
	return c
}

func (c *campaign) createTopics() {
	if err := wiretest.CreateTopics(c.t.Context(), c.cluster.Brokers, c.stage.plan()); err != nil {
		c.t.Logf("topics: %v", err) // dead letters are shared
	}
	plan := c.stage.plan()
	for end := time.Now().Add(campaignPatience); ; time.Sleep(100 * time.Millisecond) { // until the broker tells of them
		_, err := wire.Ends(c.t.Context(), c.cluster, plan.Table(plan.Groups[len(plan.Groups)-1].Name))
		if err == nil {
			return
		}
		if time.Now().After(end) {
			c.t.Fatal(err)
		}
	}
}

// awaitMembers waits until so many members have joined every group.
func (c *campaign) awaitMembers(n int) {
	client, err := kgo.NewClient(kgo.SeedBrokers(c.cluster.Brokers...))
	if err != nil {
		c.t.Fatal(err)
	}
	defer client.Close()
	plan := c.stage.plan()
	for _, g := range plan.Groups {
		for end := time.Now().Add(campaignPatience); ; time.Sleep(100 * time.Millisecond) {
			groups, err := kadm.NewClient(client).DescribeGroups(c.t.Context(), plan.Consumer(g.Name))
			found := groups[plan.Consumer(g.Name)]
			if err == nil && found.State == "Stable" && len(found.Members) == n {
				break
			}
			if time.Now().After(end) {
				c.t.Fatalf("%s has not %d members: %+v, %v", g.Name, n, found, err)
			}
		}
	}
}

func (c *campaign) startMembers(n int) {
	for i := range n {
		c.members = append(c.members, c.newMember(i))
	}
	for _, m := range c.members {
		m.start()
	}
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
			topic, key, value := c.stage.command(i)
			headers := []topology.Header{{Key: topology.HeaderCorrelation, Value: fmt.Appendf(nil, "%016d", i)}}
			for {
				err := c.emitter.Emit(topic, key, value, headers, func(_ wire.Position, err error) {
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

// verify waits until all commands were fed and everything is as the straight fold says.
func (c *campaign) verify(n int) *verdict {
	c.t.Helper()
	<-c.fed
	for end := time.Now().Add(campaignPatience); ; time.Sleep(500 * time.Millisecond) {
		fed := c.sent.Load() == int64(n)
		if fed && !c.idle() && time.Now().Before(end) {
			continue
		}
		v, err := judge(c.t.Context(), c.cluster, c.stage, c.stage.machines(), nil)
		if err != nil {
			c.t.Fatal(err)
		}
		if fed && v.harm() == 0 {
			c.t.Logf("%d commands: %v", n, v)
			return v
		}
		if time.Now().After(end) {
			c.t.Fatalf("%d of %d commands are in the log: %v\n%s", c.sent.Load(), n, v, strings.Join(v.samples, "\n"))
		}
	}
}

// idle tells whether every group has committed all of its input.
func (c *campaign) idle() bool {
	client, err := kgo.NewClient(kgo.SeedBrokers(c.cluster.Brokers...))
	if err != nil {
		c.t.Fatal(err)
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	plan := c.stage.plan()
	for _, g := range plan.Groups {
		ends, err := admin.ListEndOffsets(c.t.Context(), g.Input)
		if err != nil {
			return false
		}
		commits, err := admin.FetchOffsets(c.t.Context(), plan.Consumer(g.Name))
		if err != nil {
			return false
		}
		behind := false
		ends.Each(func(e kadm.ListedOffset) {
			at, ok := commits.Lookup(e.Topic, e.Partition)
			behind = behind || e.Offset > 0 && (!ok || at.At < e.Offset)
		})
		if behind {
			return false
		}
	}
	return true
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
		Stage: m.c.stage, Wiring: m.c.wiring, Brokers: m.c.cluster.Brokers, Dir: m.dir, Instance: m.instance,
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
