// This file makes namespaces and cables, with a handful of system calls.

package network

import (
	"fmt"
	"net"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// plug makes the host's cable; apart = in a new namespace. alias is the first of further addresses, 0 for none.
func (h *Host) plug(apart bool, alias address) error {
	done := make(chan error)
	go func() {
		// A thread that has been in another namespace is not given back: it ends with the goroutine.
		runtime.LockOSThread()
		done <- h.plugHere(apart, alias)
		if !apart {
			runtime.UnlockOSThread()
		}
	}()
	return <-done
}

func (h *Host) plugHere(apart bool, alias address) error {
	if apart {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("make a network namespace: %w", err)
		}
		space, err := os.Open("/proc/thread-self/ns/net")
		if err != nil {
			return err
		}
		h.space = space
	}
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open /dev/net/tun: %w", err)
	}
	cable, err := unix.NewIfreq("parley%d")
	if err != nil {
		return err
	}
	cable.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, cable); err != nil {
		_ = unix.Close(fd)
		return fmt.Errorf("make a cable: %w", err)
	}
	h.cable = os.NewFile(uintptr(fd), h.Name)
	return h.configure(cable.Name(), apart, alias)
}

// configure gives the cable its addresses and switches it on.
func (h *Host) configure(name string, apart bool, alias address) error {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(socket)
	if apart {
		if err := setUp(socket, "lo"); err != nil {
			return err
		}
	}
	if err := setAddress(socket, name, h.at); err != nil {
		return err
	}
	if err := setUp(socket, name); err != nil {
		return err
	}
	for i := range address(aliasCount) {
		if alias == 0 {
			break
		}
		if err := setAddress(socket, fmt.Sprintf("%s:%d", name, i), alias+i); err != nil {
			return err
		}
	}
	return nil
}

func setAddress(socket int, name string, a address) error {
	if err := setInet(socket, name, unix.SIOCSIFADDR, a); err != nil {
		return err
	}
	return setInet(socket, name, unix.SIOCSIFNETMASK, netMask)
}

func setInet(socket int, name string, request uint, value address) error {
	r, err := unix.NewIfreq(name)
	if err != nil {
		return err
	}
	if err := r.SetInet4Addr(net.ParseIP(value.String()).To4()); err != nil {
		return err
	}
	if err := unix.IoctlIfreq(socket, request, r); err != nil {
		return fmt.Errorf("give %s the address %v: %w", name, value, err)
	}
	return nil
}

func setUp(socket int, name string) error {
	r, err := unix.NewIfreq(name)
	if err != nil {
		return err
	}
	r.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(socket, unix.SIOCSIFFLAGS, r); err != nil {
		return fmt.Errorf("switch %s on: %w", name, err)
	}
	return nil
}

// Enter moves the calling thread to the host: what it starts, dials and listens on is there. The goroutine must be locked to
// its thread, and end without unlocking it. No host is here.
func (h *Host) Enter() error {
	if h == nil || h.space == nil {
		return nil
	}
	if err := unix.Setns(int(h.space.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("go to the host %s: %w", h.Name, err)
	}
	return nil
}
