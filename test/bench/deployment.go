// The deployment that is measured: one Kafka broker, Redis, a server that speaks MongoDB's protocol, and the binary three times.

package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/parley-im/parley/gateways/token"
	"github.com/parley-im/parley/test/servers"
)

const (
	readyWithin  = 5 * time.Minute // tables of a million rows are read before
	stopWithin   = 30 * time.Second
	lookEvery    = 50 * time.Millisecond
	tokenLife    = 12 * time.Hour
	tailOfLog    = 2_000 // bytes of a process's log, shown when something went wrong
	unlimited    = 1_000_000
	manyAtOnce   = 1_000_000 // commands of one person
	settingsFile = "parley.yaml"
)

// brokerJVM is Java as it is run for others: with the second compiler, and memory. A broker's collections stop everybody for as
// long whether a tenth or all of its heap is garbage, so they are made rare. Pages of two megabytes, where the kernel gives
// them to who asks, save it a sixth of its CPU.
var brokerJVM = []string{"-Xms2g", "-Xmx2g", "-Xmn1536m", "-XX:TieredStopAtLevel=4", "-XX:+UseTransparentHugePages"}

const (
	documentsOld   = 2 << 10 // MiB of the documents' server for what has become old
	documentsLeast = 3 << 10 // MiB of its heap
)

// documentsJVM gives the documents' server half of the machine. It keeps everything that was ever said in it, in Java's heap,
// and would copy it again and again where it has little; the server in whose place it stands has no such heap.
func documentsJVM() []string {
	heap := max(machineMemory()/2, documentsLeast)
	return []string{fmt.Sprintf("-Xms%dm", heap), fmt.Sprintf("-Xmx%dm", heap), fmt.Sprintf("-Xmn%dm", heap-documentsOld), "-XX:+AlwaysPreTouch",
		"-XX:TieredStopAtLevel=4", "-XX:+UseTransparentHugePages"}
}

// machineMemory is the machine's, in MiB; 0 where it does not say.
func machineMemory() (kib int) {
	b, _ := os.ReadFile("/proc/meminfo")
	_, _ = fmt.Sscanf(string(b), "MemTotal: %d kB", &kib)
	return kib >> 10
}

// brokerSettings fit the half of a core that a broker has here: fewer threads wake each other for every request.
var brokerSettings = map[string]string{"num.network.threads": "1", "num.io.threads": "2"}

// defaultPartitions are as many as two cores want: each is a batch of its own in every request, for whoever produces, the
// broker, and whoever fetches.
const defaultPartitions = 4

// oneCore is what a process of the deployment may use, as in a container with such a limit. Several processes share the machine:
// what Go would do to spread each of them over all of its cores costs a fifth of what a message costs.
const oneCore = "GOMAXPROCS=1"

// allCores is for who has the machine for itself.
var allCores = []string{fmt.Sprint("GOMAXPROCS=", runtime.NumCPU())}

// part is a process of the deployment.
type part struct {
	name  string
	roles []string
	own   bool     // it has a data folder of its own
	env   []string // beside the generator's, and behind oneCore
}

// parts are the processes of the deployment, by name.
var parts = []part{
	{name: "processors", roles: []string{"processor/"}},
	{name: "views", roles: []string{"view/", "query"}},
	{name: "gateway", roles: []string{"keys", "dispatch", "gateway"}},
}

// deployment is a running one.
type deployment struct {
	dir    string
	data   string // in it: what the binary keeps
	binary string
	http   string
	reach  []string // lines of the binary's settings: where the servers are
	pids   map[string]int
	admins map[string]string
	key    ed25519.PrivateKey

	partitions int

	running []*running
	servers []interface{ Close() error }
}

// running is a process of the binary.
type running struct {
	name, log string
	command   *exec.Cmd
	over      chan struct{}
}

func open(ctx context.Context, o options) (h *deployment, err error) {
	h = &deployment{pids: map[string]int{}, admins: map[string]string{}, binary: o.binary, partitions: o.partitions}
	defer func() {
		if err != nil {
			err = errors.Join(err, h.close())
		}
	}()
	if h.dir, err = os.MkdirTemp("", "parley-bench-"); err != nil {
		return h, err
	}
	h.data = filepath.Join(h.dir, "data")
	if h.binary == "" && len(o.parts) > 0 {
		h.binary = filepath.Join(h.dir, "parley")
		if err := build(ctx, "", h.binary); err != nil {
			return h, err
		}
	}
	if h.reach, err = h.serve(ctx, o.setup); err != nil {
		return h, err
	}
	if len(o.parts) == 0 {
		return h, nil
	}
	return h, h.enter(ctx, o)
}

// enter makes the topics and starts the processes of the deployment.
func (h *deployment) enter(ctx context.Context, o options) error {
	settings := slices.Concat(h.reach, o.setup.settings)
	if o.profile != "" {
		settings = append(settings, "profile: true")
	}
	if err := h.furnish(ctx, settings); err != nil {
		return err
	}
	if o.setup.filled != nil {
		if err := o.setup.filled(ctx, h); err != nil {
			return err
		}
	}
	for _, p := range o.parts {
		if err := h.start(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// serve starts the servers and says how the deployment reaches them. Each is the child that was not there before.
func (h *deployment) serve(ctx context.Context, o setup) ([]string, error) {
	var lines []string
	for _, s := range []struct {
		name  string
		start func() (interface{ Close() error }, string, error)
	}{
		{"kafka", func() (interface{ Close() error }, string, error) {
			k, err := servers.StartKafka(ctx, servers.KafkaConfig{Dir: filepath.Join(h.dir, "kafka"), Own: true, JVM: brokerJVM, Settings: brokerSettings, Log: os.Stderr})
			if err != nil {
				return nil, "", err
			}
			return k, "brokers: " + k.Addr, nil
		}},
		{"redis", func() (interface{ Close() error }, string, error) {
			r, err := servers.StartRedis(ctx, servers.RedisConfig{Dir: filepath.Join(h.dir, "redis"), Own: true, AOF: true, Log: os.Stderr})
			if err != nil {
				return nil, "", err
			}
			return r, "redis: " + r.Addr, nil
		}},
		{"mongo", func() (interface{ Close() error }, string, error) {
			m, err := servers.StartMongo(ctx, servers.MongoConfig{Dir: filepath.Join(h.dir, "mongo"), Own: true, OnDisk: o.onDisk, JVM: documentsJVM(), Log: os.Stderr})
			if err != nil {
				return nil, "", err
			}
			return m, "documents: " + m.URI + "/parley", nil
		}},
	} {
		if o.servers != nil && !slices.Contains(o.servers, s.name) {
			continue
		}
		before := children()
		server, line, err := s.start()
		if err != nil {
			return nil, err
		}
		h.servers = append(h.servers, server)
		for _, pid := range children() {
			if !slices.Contains(before, pid) {
				h.pids[s.name] = pid
			}
		}
		lines = append(lines, line)
	}
	return lines, nil
}

// children are the processes that this one started.
func children() []int {
	tasks, _ := filepath.Glob("/proc/self/task/*/children")
	var pids []int
	for _, t := range tasks {
		b, _ := os.ReadFile(t)
		for f := range strings.FieldsSeq(string(b)) {
			if pid, err := strconv.Atoi(f); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// furnish writes the settings and makes the topics. Limits that protect a deployment from strangers would only measure themselves.
func (h *deployment) furnish(ctx context.Context, lines []string) error {
	h.http = freePort()
	query, push, key := freePort(), freePort(), freePort()
	lines = append(lines, "data: "+h.data, "replication: 1", fmt.Sprint("partitions: ", h.partitions), "http: "+h.http,
		"query-listen: "+query, "query: "+query, "push-listen: "+push, "push: "+push, "key-listen: "+key, "keys: "+key, "log-level: warn")
	for _, limit := range []string{"connections", "connections-per-address", "enters-per-address", "frames-per-connection",
		"frames-per-person", "commands-per-person"} {
		lines = append(lines, fmt.Sprintf("%s: %d", limit, unlimited))
	}
	lines = append(lines, fmt.Sprint("commands-at-once: ", manyAtOnce), fmt.Sprint("fan-out: ", groupLimit))
	settings := filepath.Join(h.dir, settingsFile)
	if err := os.WriteFile(settings, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		return err
	}
	if _, err := run(ctx, "", h.binary, "topology", "apply", "--settings", settings); err != nil {
		return err
	}
	var err error
	h.key, _, err = token.Pair(filepath.Join(h.data, "token"))
	return err
}

// token is minted as `parley token` does.
func (h *deployment) token(user string) (string, error) {
	return token.Mint(h.key, token.Settings{Issuer: "parley", Audience: "parley"}, user, time.Now(), tokenLife)
}

// start starts the binary and waits until it is ready.
func (h *deployment) start(ctx context.Context, p part) error {
	admin := freePort()
	args := []string{"run", "--settings", filepath.Join(h.dir, settingsFile), "--admin", admin, "--instance", p.name}
	if p.own {
		args = append(args, "--data", filepath.Join(h.data, p.name))
	}
	r, err := h.spawn(p.name, h.binary, append(args, p.roles...), append([]string{oneCore}, p.env...))
	if err != nil {
		return err
	}
	h.admins[p.name] = admin
	for end := time.Now().Add(readyWithin); time.Now().Before(end) && ctx.Err() == nil; time.Sleep(lookEvery) {
		select {
		case <-r.over:
			return fmt.Errorf("%s ended before it was ready\n%s", p.name, h.tails())
		default:
		}
		answer, err := http.Get("http://" + admin + "/readyz")
		if err != nil {
			continue
		}
		_ = answer.Body.Close()
		if answer.StatusCode == http.StatusOK {
			return nil
		}
	}
	return fmt.Errorf("%s is not ready within %s\n%s", p.name, readyWithin, h.tails())
}

// spawn starts a program as a process of the deployment.
func (h *deployment) spawn(name, program string, args, env []string) (*running, error) {
	r := &running{name: name, log: filepath.Join(h.dir, name+".log"), over: make(chan struct{})}
	log, err := os.OpenFile(r.log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	r.command = exec.Command(program, args...)
	r.command.Stderr = log
	r.command.Env = append(os.Environ(), env...)
	r.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // a child is told of the end of the thread that made it
		defer runtime.UnlockOSThread()
		defer close(r.over)
		defer log.Close()
		err := r.command.Start()
		started <- err
		if err == nil {
			_ = r.command.Wait()
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	h.running = append(h.running, r)
	h.pids[name] = r.command.Process.Pid
	return r, nil
}

// kill ends a process with kill -9.
func (h *deployment) kill(name string) {
	for _, r := range h.running {
		if r.name == name {
			_ = r.command.Process.Kill()
			<-r.over
		}
	}
	h.running = slices.DeleteFunc(h.running, func(r *running) bool { return r.name == name })
}

// kafka is the address of the broker.
func (h *deployment) kafka() string {
	for _, s := range h.servers {
		if k, ok := s.(*servers.KafkaServer); ok {
			return k.Addr
		}
	}
	return ""
}

// tails are the ends of the processes' logs.
func (h *deployment) tails() string {
	var all strings.Builder
	for _, r := range h.running {
		b, _ := os.ReadFile(r.log)
		fmt.Fprintf(&all, "log of %s:\n%s\n", r.name, b[max(0, len(b)-tailOfLog):])
	}
	return all.String()
}

// end asks a process to end, and kills it when it does not.
func (r *running) end() error {
	_ = r.command.Process.Signal(syscall.SIGTERM)
	select {
	case <-r.over:
		return nil
	case <-time.After(stopWithin):
	}
	_ = r.command.Process.Kill()
	<-r.over
	return fmt.Errorf("%s did not stop within %s and was killed", r.name, stopWithin)
}

// leave ends the processes of the deployment, in the order that loses nothing; the servers stay.
func (h *deployment) leave() error {
	var all []error
	for _, r := range slices.Backward(h.running) {
		all = append(all, r.end())
	}
	h.running = nil
	return errors.Join(all...)
}

// again ends a process in good order and starts it anew.
func (h *deployment) again(ctx context.Context, name string, of []part) error {
	i := slices.IndexFunc(h.running, func(r *running) bool { return r.name == name })
	err := h.running[i].end()
	h.running = slices.Delete(h.running, i, i+1)
	if err != nil {
		return err
	}
	return h.start(ctx, of[slices.IndexFunc(of, func(p part) bool { return p.name == name })])
}

// close ends everything.
func (h *deployment) close() error {
	all := []error{h.leave()}
	for _, s := range slices.Backward(h.servers) {
		all = append(all, s.Close())
	}
	return errors.Join(append(all, os.RemoveAll(h.dir))...)
}

func freePort() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "127.0.0.1:0"
	}
	defer l.Close()
	return l.Addr().String()
}
