// The network is true: what is said of a line happens to the packets on it, and to no others.

package network

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	patience = 60 * time.Second
	silence  = time.Second            // after which nothing comes any more; cut short, less is counted, and no more
	blink    = 300 * time.Millisecond // long enough for an answer that comes, on a line that is good
)

// echo is a network of two hosts, the second of which answers what it is told, and counts it.
func echo(t *testing.T, heard *atomic.Int64) (*Network, *Host, *Host) {
	n, err := New()
	if errors.Is(err, ErrUnavailable) && os.Getenv("PARLEY_REAL") != "required" {
		t.Skipf("SKIPPED: %v", err)
	}
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, n.Close()) })
	a, err := n.Host("a")
	require.NoError(t, err)
	b, err := n.Host("b")
	require.NoError(t, err)
	var l net.PacketConn
	require.NoError(t, at(b, func() (err error) {
		l, err = net.ListenPacket("udp4", b.Addr+":7")
		return err
	}))
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		packet := make([]byte, packetMost)
		for {
			size, from, err := l.ReadFrom(packet)
			if err != nil {
				return
			}
			heard.Add(1)
			_, _ = l.WriteTo(packet[:size], from)
		}
	}()
	return n, a, b
}

// at does something at a host.
func at(h *Host, do func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := h.Enter()
		if err == nil {
			err = do()
		}
		done <- err
	}()
	return <-done
}

// call is a socket at one host that speaks to the other.
func call(t *testing.T, from, to *Host) net.Conn {
	var c net.Conn
	require.NoError(t, at(from, func() (err error) {
		c, err = net.Dial("udp4", to.Addr+":7")
		return err
	}))
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// answered says something and reports whether the answer comes in time.
func answered(t *testing.T, c net.Conn, within time.Duration) bool {
	word := fmt.Sprint(time.Now().UnixNano())
	_, err := io.WriteString(c, word)
	require.NoError(t, err)
	require.NoError(t, c.SetReadDeadline(time.Now().Add(within)))
	packet := make([]byte, packetMost)
	for {
		size, err := c.Read(packet)
		if err != nil {
			return false
		}
		if string(packet[:size]) == word {
			return true
		}
	}
}

func TestPacketsArrive(t *testing.T) {
	n, a, b := echo(t, new(atomic.Int64))
	require.True(t, answered(t, call(t, a, b), patience))
	require.True(t, answered(t, call(t, n.Own, b), patience), "from the test's own process")
}

func TestCutIsOneWay(t *testing.T) {
	var heard atomic.Int64
	n, a, b := echo(t, &heard)
	c, own := call(t, a, b), call(t, n.Own, b)
	for _, cut := range []struct {
		from, to *Host
		arrives  int64
	}{{a, b, 0}, {b, a, 1}} {
		heal, before := n.Set(Line{Loss: 1}, cut.from, cut.to), heard.Load()
		require.False(t, answered(t, c, blink), "%s to %s is cut", cut.from.Name, cut.to.Name)
		require.Equal(t, cut.arrives, heard.Load()-before, "the other way is good")
		require.True(t, answered(t, own, patience), "others are not cut")
		heal()
		require.True(t, answered(t, c, patience))
	}
}

func TestDelay(t *testing.T) {
	n, a, b := echo(t, new(atomic.Int64))
	c := call(t, a, b)
	n.Set(Line{Delay: blink}, a, b)
	began := time.Now()
	require.True(t, answered(t, c, patience))
	require.GreaterOrEqual(t, time.Since(began), blink)
}

// some sends numbered packets and returns the numbers that come back, in their order, and when the last one did.
func some(t *testing.T, c net.Conn, count, size int) (back []int, last time.Time) {
	for i := range count {
		_, err := fmt.Fprintf(c, "%0*d", size, i)
		require.NoError(t, err)
		time.Sleep(100 * time.Microsecond)
	}
	packet := make([]byte, packetMost)
	for {
		require.NoError(t, c.SetReadDeadline(time.Now().Add(silence)))
		got, err := c.Read(packet)
		if err != nil {
			return back, last
		}
		last = time.Now()
		var number int
		_, err = fmt.Sscanf(string(packet[:got]), "%d", &number)
		require.NoError(t, err)
		back = append(back, number)
	}
}

func TestLossAndOrder(t *testing.T) {
	n, a, b := echo(t, new(atomic.Int64))
	c := call(t, a, b)
	rising := func(l []int) bool {
		for i := range l[1:] {
			if l[i+1] < l[i] {
				return false
			}
		}
		return true
	}
	const count = 400
	n.Set(Line{Loss: 0.5, Delay: time.Millisecond}, a, b)
	back, _ := some(t, c, count, 10)
	require.Greater(t, len(back), count/8)
	require.Less(t, len(back), count*7/8, "half of them are lost")
	require.True(t, rising(back), "those that are left keep their order")
	n.Set(Line{Reorder: 0.2, Delay: 20 * time.Millisecond}, a, b)
	back, _ = some(t, c, count, 10)
	require.False(t, rising(back), "some overtake")
}

func TestRate(t *testing.T) {
	n, a, b := echo(t, new(atomic.Int64))
	c := call(t, a, b)
	n.Set(Line{Rate: 1 << 20}, a, b)
	began := time.Now()
	const count, size = 40, 1000
	back, last := some(t, c, count, size)
	require.NotEmpty(t, back)
	least := time.Duration(len(back)) * size * 8 * time.Second / (1 << 20)
	require.GreaterOrEqual(t, last.Sub(began), least, "faster than the line is")
}

func TestWorseThenGood(t *testing.T) {
	n, a, b := echo(t, new(atomic.Int64))
	c := call(t, a, b)
	first := n.Set(Line{Delay: time.Millisecond}, a, b)
	second := n.SetBoth(Line{Loss: 1}, []*Host{a}, []*Host{b})
	first()
	require.False(t, answered(t, c, blink), "the later word holds")
	second()
	require.True(t, answered(t, c, patience))
}
