// This file says how a server hangs on the process that started it, on Linux.

package servers

import "syscall"

// ownGroup gives a server its own process group, so that a ctrl-C meant for the tests does not reach it before its
// owner decides, and has the kernel kill it when its parent dies in any way: no server outlives a killed test.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
