//go:build unix

// Single attempts to read and to write, as POSIX has them: a socket that has or takes nothing now says so at once.

package websocket

import (
	"errors"
	"net"
	"syscall"
)

// direct is a socket as the kernel knows it; nil = it is none, and every read and write gets a goroutine that waits.
func direct(socket net.Conn) syscall.RawConn {
	if has, ok := socket.(syscall.Conn); ok {
		if raw, err := has.SyscallConn(); err == nil {
			return raw
		}
	}
	return nil
}

// try writes as much as the kernel takes now. Whatever is wrong shows in the write that comes for the rest.
func try(raw syscall.RawConn, b *buffer) (written int) {
	if raw == nil {
		return 0
	}
	if b.attempt == nil {
		b.attempt = b.write
	}
	if raw.Write(b.attempt) != nil {
		return 0
	}
	return b.written
}

// write is one attempt; it never asks for another.
func (b *buffer) write(fd uintptr) bool {
	for {
		n, err := syscall.Write(int(fd), b.bytes)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		b.written = max(n, 0)
		return true
	}
}
