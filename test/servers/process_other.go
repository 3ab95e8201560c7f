// This file says how a server hangs on the process that started it, where the kernel has no parent-death signal.

//go:build !linux

package servers

import "syscall"

// ownGroup gives a server its own process group. A test killed with kill -9 leaves its servers behind here.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
