//go:build unix

// One attempt to write, as POSIX has it: a socket that takes nothing now says so at once.

package websocket

import (
	"errors"
	"syscall"
)

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
