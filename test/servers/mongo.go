// This file starts a server that speaks MongoDB's wire protocol; doc.go says what it can and cannot do.

package servers

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/parley-im/parley/test/servers/network"
)

//go:embed MongoStandIn.java
var standIn []byte

// MongoConfig says what StartMongo starts. The zero value keeps its documents in memory.
type MongoConfig struct {
	Port   int           // 0 means any
	Host   *network.Host // where it runs; nil = here
	Dir    string        // for data and log; "" means a temporary one, removed by Close
	Keep   bool          // Close shuts down in good order, for the data are to be used again
	OnDisk bool          // documents in a file: what was acknowledged survives a kill, at a quarter of the speed
	Own    bool          // even when PARLEY_TEST_MONGO names one
	JVM    []string      // further flags of Java
	Log    io.Writer     // what is being installed; nil means nobody wants to know
}

// MongoOption changes a MongoConfig.
type MongoOption interface{ mongo(*MongoConfig) }

type mongoOption func(*MongoConfig)

func (o mongoOption) mongo(c *MongoConfig) { o(c) }

// OnDisk has the server keep its documents in a file, so that they survive Kill and Start.
func OnDisk() MongoOption { return mongoOption(func(c *MongoConfig) { c.OnDisk, c.Own = true, true }) }

// MongoServer is a running server that speaks MongoDB's wire protocol.
type MongoServer struct {
	Addr string // host:port
	URI  string // mongodb://..., for the driver

	single
}

// Mongo starts the server for one test, or skips the test when that cannot be had.
func Mongo(t testing.TB, opts ...MongoOption) *MongoServer {
	t.Helper()
	cfg := MongoConfig{Log: os.Stderr}
	for _, o := range opts {
		o.mongo(&cfg)
	}
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	m, err := StartMongo(t.Context(), cfg)
	if err != nil {
		SkipOrFail(t, "MongoDB", err)
	}
	cleanUp(t, m)
	return m
}

// StartMongo starts the server and returns when it answers. The caller closes it.
func StartMongo(ctx context.Context, cfg MongoConfig) (*MongoServer, error) {
	if err := wanted(); err != nil {
		return nil, err
	}
	if addr := given("PARLEY_TEST_MONGO", cfg.Own); addr != "" {
		return givenMongo(ctx, addr)
	}
	if cfg.Log == nil {
		cfg.Log = io.Discard
	}
	home, javaPath, err := mongoHome(ctx, cfg.Log)
	if err != nil {
		return nil, err
	}
	m := &MongoServer{}
	if err := m.prepare(cfg, home, javaPath); err != nil {
		return nil, errors.Join(err, m.Close())
	}
	if err := m.start(ctx); err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return m, nil
}

func givenMongo(ctx context.Context, addr string) (*MongoServer, error) {
	m := &MongoServer{URI: addr}
	if !strings.Contains(addr, "://") {
		m.URI = "mongodb://" + addr
	}
	hosts := options.Client().ApplyURI(m.URI)
	if err := hosts.Validate(); err != nil || len(hosts.Hosts) == 0 {
		return nil, fmt.Errorf("PARLEY_TEST_MONGO=%s is neither host:port nor a mongodb:// URI: %w", addr, err)
	}
	m.Addr = hosts.Hosts[0]
	if err := askMongo(ctx, m.URI); err != nil {
		return nil, fmt.Errorf("PARLEY_TEST_MONGO=%s does not answer; correct it or unset it: %w", addr, err)
	}
	return m, nil
}

// mongoHome returns the cache folder: lib/ with the jars, classes/ with our launcher compiled.
func mongoHome(ctx context.Context, log io.Writer) (home, javaPath string, err error) {
	javaPath, err = java(ctx, log)
	if err != nil {
		return "", "", err
	}
	home, err = jars(ctx, log, "mongo", string(standIn), func(home string) error {
		dir, err := os.MkdirTemp("", "parley-mongo-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		source := filepath.Join(dir, "MongoStandIn.java")
		if err := os.WriteFile(source, standIn, 0o644); err != nil {
			return err
		}
		// The compiler reads no wildcards in its own class path.
		lib, err := filepath.Glob(filepath.Join(home, "lib", "*.jar"))
		if err != nil {
			return err
		}
		path := strings.Join(lib, string(os.PathListSeparator))
		out, err := exec.CommandContext(ctx, javaPath, "-cp", path, "org.eclipse.jdt.internal.compiler.batch.Main",
			"--release", strconv.Itoa(oldestJava), "-nowarn", "-cp", path, "-d", filepath.Join(home, "classes"), source).CombinedOutput()
		if err != nil {
			return fmt.Errorf("compile MongoStandIn.java: %w: %s", err, lastLines(out))
		}
		return nil
	})
	return home, javaPath, err
}

func (m *MongoServer) prepare(cfg MongoConfig, home, javaPath string) error {
	dir, remove, err := dataDir(cfg.Dir, "mongo")
	if err != nil {
		return err
	}
	m.cleanUp, m.keep = remove, cfg.Keep
	if dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	port, err := m.ports.take(cfg.Port)
	if err != nil {
		return err
	}
	path := filepath.Join(home, "classes") + string(os.PathListSeparator) + filepath.Join(home, "lib", "*")
	args := append(append(quickJVM(""), "-Xmx512m"), cfg.JVM...)
	args = append(args, "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", path, "MongoStandIn", ipOf(cfg.Host), strconv.Itoa(port))
	if cfg.OnDisk {
		args = append(args, filepath.Join(dir, "documents.mv"))
	}
	m.Addr, m.URI = addrAt(cfg.Host, port), "mongodb://"+addrAt(cfg.Host, port)
	m.ask = func(ctx context.Context) error { return askMongo(ctx, m.URI) }
	m.process = &process{name: "mongo-java-server", path: javaPath, args: args, dir: dir, logPath: filepath.Join(dir, "mongo.log"), host: cfg.Host}
	return nil
}

func askMongo(ctx context.Context, uri string) error {
	// A short selection time, because the driver looks again only after half a second when the first look fails.
	client, err := mongo.Connect(options.Client().ApplyURI(uri).SetServerSelectionTimeout(5 * readyPause))
	if err != nil {
		return err
	}
	defer client.Disconnect(context.WithoutCancel(ctx))
	return client.Ping(ctx, nil)
}
