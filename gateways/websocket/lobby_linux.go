// The lobby: silent clients are waited for together, by one goroutine and an epoll of its own, instead of by a goroutine with a
// stack for each. Who says something, or is gone, or was told to go, gets a reader again.

package websocket

import (
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	heardAtOnce = 128             // clients that said something, in one look
	sweepEvery  = 5 * time.Second // between looks for those who have been silent for too long
)

// lobby is nothing while nobody waits. Whoever is taken out of here reads, or ends; nobody else does meanwhile.
type lobby struct {
	mu    sync.Mutex
	here  map[int]*conn // by descriptor
	epoll *os.File      // waited for by the runtime, like any socket; nil = nobody is here
	swept time.Time
}

// silent is the process's, as the runtime's own epoll is.
var silent lobby

// takes lets a client wait here; false = the kernel does not, and its reader stays. The caller must not touch what a reader owns
// any more if it is true.
func (l *lobby) takes(c *conn) (taken bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.epoll == nil && l.open() != nil {
		return false
	}
	l.control(c, func(epoll, fd int) {
		event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP, Fd: int32(fd)}
		if unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, fd, &event) == nil {
			c.reading.fd, l.here[fd], taken = fd, c, true
		}
	})
	l.closeEmpty()
	return taken
}

// wakes gives a client that is here its reader again.
func (l *lobby) wakes(c *conn) {
	l.mu.Lock()
	here := l.here[c.reading.fd] == c
	if here {
		l.leaves(c)
	}
	l.mu.Unlock()
	if here {
		go c.read()
	}
}

func (l *lobby) leaves(c *conn) {
	delete(l.here, c.reading.fd)
	l.control(c, func(epoll, fd int) { _ = unix.EpollCtl(epoll, unix.EPOLL_CTL_DEL, fd, nil) })
	l.closeEmpty()
}

func (l *lobby) closeEmpty() {
	if len(l.here) == 0 {
		l.epoll.Close() // and who waits for it goes
		l.epoll = nil
	}
}

// control does something with both descriptors, neither of which is closed meanwhile; nothing if one is closed already.
func (l *lobby) control(c *conn, do func(epoll, fd int)) {
	if epoll, err := l.epoll.SyscallConn(); err == nil {
		_ = epoll.Control(func(epoll uintptr) { _ = c.raw.Control(func(fd uintptr) { do(int(epoll), int(fd)) }) })
	}
}

// open begins to wait.
func (l *lobby) open() error {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return err
	}
	if err := unix.SetNonblock(fd, true); err != nil { // so that the runtime waits for it
		_ = unix.Close(fd)
		return err
	}
	epoll := os.NewFile(uintptr(fd), "silent clients")
	raw, err := epoll.SyscallConn()
	if err == nil {
		err = epoll.SetReadDeadline(time.Now().Add(sweepEvery)) // it cannot have one if the runtime does not wait for it
	}
	if err != nil {
		epoll.Close()
		return err
	}
	l.here, l.epoll, l.swept = map[int]*conn{}, epoll, time.Now()
	go l.wait(epoll, raw)
	return nil
}

// wait looks whenever somebody said something, until this epoll is no longer the lobby's.
func (l *lobby) wait(epoll *os.File, raw syscall.RawConn) {
	var heard [heardAtOnce]unix.EpollEvent
	for n := 0; l.look(epoll, heard[:n]); {
		_ = epoll.SetReadDeadline(time.Now().Add(sweepEvery))
		n = 0
		_ = raw.Read(func(fd uintptr) bool {
			n, _ = unix.EpollWait(int(fd), heard[:], 0)
			n = max(n, 0)
			return n > 0
		})
	}
}

// look lets those read who said something or are gone, and ends those who have been silent for too long.
func (l *lobby) look(epoll *os.File, heard []unix.EpollEvent) (goesOn bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.epoll != epoll {
		return false
	}
	for _, event := range heard {
		if c := l.here[int(event.Fd)]; c != nil {
			l.leaves(c)
			go c.read()
		}
	}
	if now := time.Now(); now.Sub(l.swept) >= sweepEvery {
		l.swept = now
		for _, c := range l.here {
			if now.Sub(c.reading.since) >= silentFor {
				l.leaves(c)
				go c.gone()
			}
		}
	}
	return l.epoll == epoll
}
