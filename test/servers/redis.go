// This file starts Redis as the distribution ships it.

package servers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/parley-im/parley/test/servers/network"
)

// RedisConfig says what StartRedis starts. The zero value forgets everything when it stops.
type RedisConfig struct {
	Port int           // 0 means any
	Host *network.Host // where it runs; nil = here
	Dir  string        // for data and log; "" means a temporary one, removed by Close
	Keep bool          // Close shuts down in good order, for the data are to be used again
	AOF  bool          // append-only file: what was acknowledged survives a kill
	Own  bool          // even when PARLEY_TEST_REDIS names one
	Log  io.Writer     // what is being installed; nil means nobody wants to know
}

// RedisOption changes a RedisConfig.
type RedisOption interface{ redis(*RedisConfig) }

type redisOption func(*RedisConfig)

func (o redisOption) redis(c *RedisConfig) { o(c) }

// AOF has Redis write an append-only file, so that its data survive Kill and Start.
func AOF() RedisOption { return redisOption(func(c *RedisConfig) { c.AOF, c.Own = true, true }) }

// RedisServer is a running Redis.
type RedisServer struct {
	Addr string // host:port
	URL  string // redis://..., with the password of a given server

	single
}

// Redis starts Redis for one test, or skips the test when that cannot be had.
func Redis(t testing.TB, opts ...RedisOption) *RedisServer {
	t.Helper()
	cfg := RedisConfig{Log: os.Stderr}
	for _, o := range opts {
		o.redis(&cfg)
	}
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	r, err := StartRedis(t.Context(), cfg)
	if err != nil {
		SkipOrFail(t, "Redis", err)
	}
	cleanUp(t, r)
	return r
}

// StartRedis starts Redis and returns when it answers. The caller closes it.
func StartRedis(ctx context.Context, cfg RedisConfig) (*RedisServer, error) {
	if err := wanted(); err != nil {
		return nil, err
	}
	if addr := given("PARLEY_TEST_REDIS", cfg.Own); addr != "" {
		return givenRedis(ctx, addr)
	}
	if cfg.Log == nil {
		cfg.Log = io.Discard
	}
	path, err := program(ctx, cfg.Log, "redis-server", "redis-server")
	if err != nil {
		return nil, err
	}
	r := &RedisServer{}
	if err := r.prepare(cfg, path); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	if err := r.start(ctx); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

func givenRedis(ctx context.Context, addr string) (*RedisServer, error) {
	r := &RedisServer{URL: addr}
	if !strings.Contains(addr, "://") {
		r.URL = "redis://" + addr
	}
	options, err := redis.ParseURL(r.URL)
	if err != nil {
		return nil, fmt.Errorf("PARLEY_TEST_REDIS=%s is neither host:port nor a redis:// URL: %w", addr, err)
	}
	r.Addr = options.Addr
	if err := askRedis(ctx, r.URL); err != nil {
		return nil, fmt.Errorf("PARLEY_TEST_REDIS=%s does not answer; correct it or unset it: %w", addr, err)
	}
	return r, nil
}

func (r *RedisServer) prepare(cfg RedisConfig, path string) error {
	dir, remove, err := dataDir(cfg.Dir, "redis")
	if err != nil {
		return err
	}
	r.cleanUp, r.keep = remove, cfg.Keep
	if dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	port, err := r.ports.take(cfg.Port)
	if err != nil {
		return err
	}
	aof := "no"
	if cfg.AOF {
		aof = "yes"
	}
	r.Addr, r.URL = addrAt(cfg.Host, port), "redis://"+addrAt(cfg.Host, port)
	r.ask = func(ctx context.Context) error { return askRedis(ctx, r.URL) }
	r.process = &process{
		name: "redis", path: path, dir: dir, logPath: filepath.Join(dir, "redis.log"), host: cfg.Host,
		args: []string{
			"--bind", ipOf(cfg.Host), "--protected-mode", "no", "--port", strconv.Itoa(port), "--dir", dir, "--daemonize", "no",
			// As in production: a full Redis refuses writes instead of forgetting who is connected.
			"--maxmemory-policy", "noeviction",
			// Each write reaches the kernel before its answer, so a kill loses none; the disk may lag a second.
			"--appendonly", aof, "--appendfsync", "everysec", "--save", "",
			// Writing the file anew takes seconds of a core: not each time that a small one has doubled.
			"--auto-aof-rewrite-min-size", "1gb",
		},
	}
	return nil
}

func askRedis(ctx context.Context, url string) error {
	options, err := redis.ParseURL(url)
	if err != nil {
		return err
	}
	options.MaxRetries = -1
	client := redis.NewClient(options)
	defer client.Close()
	return client.Ping(ctx).Err()
}
