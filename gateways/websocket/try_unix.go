//go:build unix

// One attempt to write, as POSIX has it: a socket that takes nothing now says so at once.

package websocket

import (
	"errors"
	"syscall"
)

// try writes as much as the kernel takes now. Whatever is wrong shows in the write that comes for the rest.
func try(raw syscall.RawConn, bytes []byte) (written int) {
	if raw == nil {
		return 0
	}
	err := raw.Write(func(fd uintptr) bool {
		for {
			n, err := syscall.Write(int(fd), bytes)
			if errors.Is(err, syscall.EINTR) {
				continue
			}
			written = max(n, 0)
			return true
		}
	})
	if err != nil {
		return 0
	}
	return written
}
