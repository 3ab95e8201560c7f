// This command runs one real server in the foreground, for a developer's machine: Kafka, Redis, or what speaks MongoDB.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/parley-im/parley/test/servers"
)

const usage = `usage: go run ./test/servers/up kafka|redis|mongo [--port N] [--data DIR] [--brokers N]

Starts the server in the foreground and keeps its data in DIR (default .data/<server>). What is missing is installed
first: packages by apt-get, jars by Maven into ~/.cache/parley (PARLEY_CACHE). Ctrl-C stops it.
`

// server is what every kind of server can do.
type server interface {
	Close() error
	Exited() <-chan struct{}
	LogTail() string
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "up:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		fmt.Fprint(os.Stderr, usage)
		return fmt.Errorf("say which server: kafka, redis or mongo")
	}
	kind := args[0]
	flags := flag.NewFlagSet(kind, flag.ExitOnError)
	flags.Usage = func() { fmt.Fprint(os.Stderr, usage) }
	port := flags.Int("port", 0, "port to listen on (default 9092, 6379, 27017)")
	data := flags.String("data", filepath.Join(".data", kind), "folder of the data")
	brokers := flags.Int("brokers", 1, "how many Kafka brokers, on ports that follow each other")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unknown argument %q; see --help", flags.Arg(0))
	}
	// Who runs this command wants a server, whatever is set for tests.
	if err := os.Unsetenv("PARLEY_REAL"); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	fmt.Printf("starting %s, data in %s\n", kind, *data)
	s, addr, err := start(ctx, kind, *port, *data, *brokers)
	if err != nil {
		return err
	}
	fmt.Printf("%s is ready at %s (ctrl-C stops it)\n", kind, addr)
	return watch(ctx, s, kind)
}

func start(ctx context.Context, kind string, port int, data string, brokers int) (server, string, error) {
	or := func(fallback int) int {
		if port != 0 {
			return port
		}
		return fallback
	}
	switch kind {
	case "kafka":
		k, err := servers.StartKafka(ctx, servers.KafkaConfig{Port: or(9092), Dir: data, Keep: true, Own: true, Brokers: brokers, Log: os.Stdout})
		if err != nil {
			return nil, "", err
		}
		return k, fmt.Sprint(k.Brokers), nil
	case "redis":
		r, err := servers.StartRedis(ctx, servers.RedisConfig{Port: or(6379), Dir: data, Keep: true, AOF: true, Own: true, Log: os.Stdout})
		if err != nil {
			return nil, "", err
		}
		return r, r.Addr, nil
	case "mongo":
		m, err := servers.StartMongo(ctx, servers.MongoConfig{Port: or(27017), Dir: data, Keep: true, OnDisk: true, Own: true, Log: os.Stdout})
		if err != nil {
			return nil, "", err
		}
		return m, m.URI, nil
	}
	return nil, "", fmt.Errorf("there is no server %q; choose kafka, redis or mongo", kind)
}

// watch waits for ctrl-C, or for a server that ends by itself.
func watch(ctx context.Context, s server, kind string) error {
	select {
	case <-ctx.Done():
		fmt.Printf("stopping %s\n", kind)
		return s.Close()
	case <-s.Exited():
		tail := s.LogTail()
		_ = s.Close() // it is gone already; its log says more than a failed good-bye
		return fmt.Errorf("%s ended by itself; end of its log:\n%s", kind, tail)
	}
}
