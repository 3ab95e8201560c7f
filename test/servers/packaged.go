// This file starts any other server of a Debian package, in a folder of its own and on a port of its own: for
// measuring what people would run instead. Debian's own settings of it, and a service of it that runs, are not touched.

package servers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
)

// PackagedConfig says what StartPackaged starts.
type PackagedConfig struct {
	Name string // of the server
	Dir  string // for data, settings and log; it exists
	User string // runs as, when this process is root's; "" = as this process
	Log  io.Writer

	// Command makes what the server needs in its folder and answers the program and its arguments.
	Command func(port int) ([]string, error)
	Ask     func(ctx context.Context, addr string) error // whether it answers; nil = somebody listens
}

// PackagedServer is a running server of a package.
type PackagedServer struct {
	Addr string // host:port
	Pid  int

	single
}

// Install has a package's file on the machine: it answers what found answers, after installing the package if need be.
func Install(ctx context.Context, log io.Writer, pkg string, found func() (string, error)) (string, error) {
	return installed(ctx, log, pkg, pkg, found)
}

// Glob finds the last file that a pattern names: of several versions the newest.
func Glob(pattern string) func() (string, error) {
	return func() (string, error) {
		all, err := filepath.Glob(pattern)
		if err != nil || len(all) == 0 {
			return "", errors.Join(err, fmt.Errorf("no %s", pattern))
		}
		return all[len(all)-1], nil
	}
}

// Program finds a program by its name.
func Program(name string) func() (string, error) {
	return func() (string, error) { return exec.LookPath(name) }
}

// StartPackaged starts the server and returns when it answers. The caller closes it.
func StartPackaged(ctx context.Context, cfg PackagedConfig) (*PackagedServer, error) {
	s := &PackagedServer{}
	port, err := s.ports.take(0)
	if err != nil {
		return nil, err
	}
	s.Addr = localAddr(port)
	command, err := cfg.Command(port)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if command, err = As(cfg.User, command); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.ask = func(ctx context.Context) error {
		if cfg.Ask != nil {
			return cfg.Ask(ctx, s.Addr)
		}
		return listens(ctx, s.Addr)
	}
	s.process = &process{
		name: cfg.Name, path: command[0], args: command[1:], dir: cfg.Dir,
		logPath: filepath.Join(cfg.Dir, cfg.Name+".log"),
	}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.Pid = s.process.pid
	return s, nil
}

// As has a command run by another user, when this process is root's: some servers refuse to be root. The kernel
// forgets whose death ends a process that changes its user, so it is told again.
func As(user string, command []string) ([]string, error) {
	if user == "" || os.Geteuid() != 0 {
		return command, nil
	}
	setpriv, err := exec.LookPath("setpriv")
	if err != nil {
		return nil, fmt.Errorf("%w: setpriv is missing; install the package util-linux", ErrUnavailable)
	}
	return append([]string{setpriv, "--reuid", user, "--regid", user, "--clear-groups", "--pdeathsig", "KILL"}, command...), nil
}

func listens(ctx context.Context, addr string) error {
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	return c.Close()
}
