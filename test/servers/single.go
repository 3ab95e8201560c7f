// This file is the life of a server that is one process: Redis and the MongoDB stand-in share it.

package servers

import (
	"context"
	"errors"
	"syscall"
)

// single is one server process with its readiness question. Its process is nil when the server was given from outside.
type single struct {
	process *process
	ask     func(context.Context) error
	ports   ports
	keep    bool
	cleanUp func() error
}

// External tells whether the server was named by PARLEY_TEST_*: it is shared, and cannot be stopped.
func (s *single) External() bool { return s.process == nil }

// Start starts the server again after Stop or Kill, on the port and with the files it had.
func (s *single) Start() error { return s.start(context.Background()) }

// Stop shuts the server down in good order (SIGTERM).
func (s *single) Stop() error {
	if s.External() {
		return ErrExternal
	}
	if err := s.process.terminate(); err != nil {
		return err
	}
	return s.process.awaitExit(stopGrace)
}

// Kill ends the server with kill -9.
func (s *single) Kill() error {
	if s.External() {
		return ErrExternal
	}
	return s.process.kill()
}

// Pause freezes the server (SIGSTOP): its connections stay, and nothing answers.
func (s *single) Pause() error { return s.signal(syscall.SIGSTOP) }

// Resume wakes a paused server (SIGCONT).
func (s *single) Resume() error { return s.signal(syscall.SIGCONT) }

// Close ends the server and gives back its port and temporary folder.
func (s *single) Close() error {
	var err error
	if !s.External() {
		if s.keep && s.process.running() {
			err = s.Stop()
		}
		err = errors.Join(err, s.process.kill())
	}
	s.ports.release()
	if s.cleanUp != nil {
		err = errors.Join(err, s.cleanUp())
	}
	return err
}

// Exited is closed when the server's process ends.
func (s *single) Exited() <-chan struct{} {
	if s.External() {
		return nil
	}
	return s.process.exited
}

// LogTail is the end of the server's log.
func (s *single) LogTail() string {
	if s.External() {
		return ""
	}
	return s.process.tail()
}

func (s *single) signal(sig syscall.Signal) error {
	if s.External() {
		return ErrExternal
	}
	return s.process.signal(sig)
}

func (s *single) start(ctx context.Context) error {
	if s.External() {
		return ErrExternal
	}
	if err := s.process.start(); err != nil {
		return err
	}
	return s.process.awaitReady(ctx, s.ask)
}
