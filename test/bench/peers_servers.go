// The systems that are measured beside the deployment, from Debian's packages: what is installed, and how each is set up.
//
// Each is as its package has it, but for what a measurement needs: a folder and a port of its own, no limits of traffic
// for one address, nothing dropped from queues.

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/parley-im/parley/test/bench/imload"
	"github.com/parley-im/parley/test/servers"
)

// xmppAccounts are made in ejabberd's database: more than any scenario has connections.
const xmppAccounts = 2_000

// peer is a system that runs.
type peer struct {
	name, version string
	store, ack    string // in words
	pids          map[string]int
	adapter       func(tag string) imload.Peer
	close         func() error

	measure func(o options, s scenario, round int) (imload.Result, error) // nil = the adapter talks
}

// opener starts a system in a folder of its own.
type opener struct {
	name string
	open func(ctx context.Context, dir string, log io.Writer) (peer, error)
}

var openers = []opener{{"mosquitto", openMosquitto}, {"nats", openNATS}, {"ejabberd", openEjabberd}}

// versionOf is the package's.
func versionOf(pkg string) string {
	out, err := exec.Command("dpkg-query", "-W", "-f", "${Version}", pkg).Output()
	if err != nil {
		return "unknown"
	}
	return string(out)
}

func openMosquitto(ctx context.Context, dir string, log io.Writer) (peer, error) {
	program, err := servers.Install(ctx, log, "mosquitto", servers.Program("mosquitto"))
	if err != nil {
		return peer{}, err
	}
	s, err := servers.StartPackaged(ctx, servers.PackagedConfig{Name: "mosquitto", Dir: dir, Log: log, Command: func(port int) ([]string, error) {
		settings := filepath.Join(dir, "mosquitto.conf")
		lines := fmt.Sprintf("listener %d 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n", port)
		if os.Geteuid() == 0 {
			lines += "user root\n" // otherwise it becomes a user who may not read the folder
		}
		return []string{program, "-c", settings}, os.WriteFile(settings, []byte(lines), 0o600)
	}})
	if err != nil {
		return peer{}, err
	}
	return peer{
		name: "mosquitto", version: "Mosquitto " + versionOf("mosquitto"), store: "nothing is stored", ack: "in the broker's memory (QoS 1)",
		pids:    map[string]int{"mosquitto": s.Pid},
		adapter: func(string) imload.Peer { return &imload.MQTT{Addr: s.Addr} }, close: s.Close,
	}, nil
}

func openNATS(ctx context.Context, dir string, log io.Writer) (peer, error) {
	program, err := servers.Install(ctx, log, "nats-server", servers.Program("nats-server"))
	if err != nil {
		return peer{}, err
	}
	s, err := servers.StartPackaged(ctx, servers.PackagedConfig{Name: "nats", Dir: dir, Log: log, Command: func(port int) ([]string, error) {
		return []string{program, "-a", "127.0.0.1", "-p", strconv.Itoa(port), "-js", "-sd", dir}, nil
	}})
	if err != nil {
		return peer{}, err
	}
	return peer{
		name: "nats", version: "NATS JetStream " + versionOf("nats-server"), store: "one stream in a file; no inboxes, lists or membership",
		ack:     "in the stream's file, no fsync; deliveries do not wait for it",
		pids:    map[string]int{"nats": s.Pid},
		adapter: func(string) imload.Peer { return &imload.NATS{Addr: s.Addr} }, close: s.Close,
	}, nil
}

// openEjabberd starts PostgreSQL, where ejabberd keeps accounts and the archive, and ejabberd.
func openEjabberd(ctx context.Context, dir string, log io.Writer) (peer, error) {
	for _, p := range []struct{ pkg, file string }{{"ejabberd", "/usr/share/ejabberd/sql/pg.sql"}, {"erlang-p1-pgsql", "/usr/lib/erlang/lib/p1_pgsql-*"}} {
		if _, err := servers.Install(ctx, log, p.pkg, servers.Glob(p.file)); err != nil {
			return peer{}, err
		}
	}
	database, err := openPostgres(ctx, filepath.Join(dir, "postgres"), log)
	if err != nil {
		return peer{}, err
	}
	s, err := startEjabberd(ctx, dir, database.Addr, log)
	if err != nil {
		_ = database.Close()
		return peer{}, err
	}
	return peer{
		name: "ejabberd", version: fmt.Sprintf("ejabberd %s, PostgreSQL %s", versionOf("ejabberd"), versionOf("postgresql")),
		store: "an archive for each user (mod_mam), in PostgreSQL", ack: "handled by the server, which has given it to the archive",
		pids:    map[string]int{"ejabberd": s.Pid, "postgres": database.Pid},
		adapter: func(tag string) imload.Peer { return &imload.XMPP{Addr: s.Addr, Tag: tag} },
		close: func() error {
			err := s.Close()
			if e := database.Close(); err == nil {
				err = e
			}
			return err
		},
	}, nil
}

// openPostgres makes a cluster of its own. PostgreSQL refuses to be root.
func openPostgres(ctx context.Context, dir string, log io.Writer) (*servers.PackagedServer, error) {
	program, err := servers.Install(ctx, log, "postgresql", servers.Glob("/usr/lib/postgresql/*/bin/postgres"))
	if err != nil {
		return nil, err
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	user := ""
	if os.Geteuid() == 0 {
		user = "postgres"
		if _, err := run(ctx, "", "chown", user, dir); err != nil {
			return nil, err
		}
	}
	data := filepath.Join(dir, "data")
	make, err := servers.As(user, []string{filepath.Join(filepath.Dir(program), "initdb"), "-D", data, "-A", "trust", "-U", "postgres", "--no-sync"})
	if err != nil {
		return nil, err
	}
	if _, err := run(ctx, "", make[0], make[1:]...); err != nil {
		return nil, err
	}
	s, err := servers.StartPackaged(ctx, servers.PackagedConfig{Name: "postgres", Dir: dir, User: user, Log: log, Command: func(port int) ([]string, error) {
		return []string{program, "-D", data, "-p", strconv.Itoa(port), "-h", "127.0.0.1", "-k", dir}, nil
	}, Ask: func(ctx context.Context, addr string) error { return query(ctx, addr, "postgres", "select 1") }})
	if err != nil {
		return nil, err
	}
	accounts := fmt.Sprintf("insert into users (username, password) select 'imload' || lpad(i::text, 6, '0'), '%s' from generate_series(0, %d) i",
		imload.XMPPPassword, xmppAccounts-1)
	err = query(ctx, s.Addr, "postgres", "create database ejabberd")
	if err == nil {
		err = psql(ctx, s.Addr, "ejabberd", "-f", "/usr/share/ejabberd/sql/pg.sql")
	}
	if err == nil {
		err = query(ctx, s.Addr, "ejabberd", accounts)
	}
	if err != nil {
		_ = s.Close()
		return nil, err
	}
	return s, nil
}

func query(ctx context.Context, addr, database, says string) error {
	return psql(ctx, addr, database, "-c", says)
}

func psql(ctx context.Context, addr, database string, args ...string) error {
	host, port, _ := strings.Cut(addr, ":")
	all := append([]string{"-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", host, "-p", port, "-U", "postgres", "-d", database}, args...)
	_, err := run(ctx, "", "psql", all...)
	return err
}

// ejabberdSettings are Debian's without shapers, encryption and what no scenario uses; the archive is always on.
const ejabberdSettings = `hosts: [localhost]
loglevel: warning
listen:
  - {port: %d, ip: "127.0.0.1", module: ejabberd_c2s, max_stanza_size: 262144, shaper: none, access: all}
auth_method: sql
auth_password_format: plain
default_db: sql
sql_type: pgsql
sql_server: "127.0.0.1"
sql_port: %s
sql_database: ejabberd
sql_username: postgres
sql_password: ""
modules:
  mod_mam: {assume_mam_usage: true, default: always, db_type: sql}
  mod_muc: {host: "conference.localhost", max_users: 1000, history_size: 0, db_type: mnesia, min_message_interval: 0, default_room_options: {mam: true, persistent: false}}
  mod_stream_mgmt: {max_ack_queue: infinity}
  mod_roster: {db_type: sql}
`

// ejabberdWaits is how long a starting node may take to answer beyond listening.
const ejabberdWaits = time.Second

func startEjabberd(ctx context.Context, dir, database string, log io.Writer) (*servers.PackagedServer, error) {
	ebin, err := servers.Glob("/usr/lib/*/ejabberd-*/ebin")()
	if err != nil {
		return nil, err
	}
	_, port, _ := strings.Cut(database, ":")
	s, err := servers.StartPackaged(ctx, servers.PackagedConfig{Name: "ejabberd", Dir: dir, Log: log, Command: func(own int) ([]string, error) {
		settings := filepath.Join(dir, "ejabberd.yml")
		// No name of a node: one node, and no port mapper that outlives it. Limits are ejabberdctl's.
		return []string{"/usr/bin/env", "EJABBERD_CONFIG_PATH=" + settings, "EJABBERD_LOG_PATH=" + filepath.Join(dir, "ejabberd.log"),
			"ERL_LIBS=" + filepath.Dir(filepath.Dir(ebin)), "ERL_MAX_ETS_TABLES=1400", "ERL_MAX_PORTS=32000",
			"erl", "-noinput", "+K", "true", "+P", "250000", "-mnesia", "dir", strconv.Quote(filepath.Join(dir, "mnesia")), "-s", "ejabberd",
		}, os.WriteFile(settings, fmt.Appendf(nil, ejabberdSettings, own, port), 0o600)
	}})
	if err == nil {
		time.Sleep(ejabberdWaits)
	}
	return s, err
}
