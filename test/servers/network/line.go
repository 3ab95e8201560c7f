// This file is what happens to packets between two hosts, one way.

package network

import (
	"math/rand/v2"
	"time"
)

// Line is what a line does to packets. The zero value lets all of them pass at once.
type Line struct {
	Loss    float64       // share of packets that vanish; 1 = the line is cut
	Delay   time.Duration // of each packet
	Reorder float64       // share of packets that overtake the delayed ones
	Rate    int           // bits a second; 0 = as fast as may be
}

const (
	queueMost  = 4096                   // packets on a line; more are lost, as in a switch
	queueLong  = 500 * time.Millisecond // of waiting for a slow line, likewise
	headerSize = 20                     // bytes of an IPv4 header
)

// line is a Line at work. Packets are in order on it, but for those that overtake.
type line struct {
	Line
	queue chan queued
	done  chan struct{}
	free  time.Time // when the line will have sent what was given to it; of the reader of its host
}

type queued struct {
	packet []byte
	due    time.Time
}

// Set does to the lines from one host to some others what l says, until heal is called. What waits on them then is lost.
func (n *Network) Set(l Line, from *Host, to ...*Host) (heal func()) {
	made := map[way]*line{}
	n.change(func(t *table) {
		for _, h := range to {
			w := way{from, h}
			if old := t.lines[w]; old != nil {
				close(old.done)
			}
			now := &line{Line: l, queue: make(chan queued, queueMost), done: make(chan struct{})}
			t.lines[w], made[w] = now, now
			go now.send(h)
		}
	})
	return func() {
		n.change(func(t *table) {
			for w, l := range made {
				if t.lines[w] == l { // else it was made worse meanwhile, or is good already
					close(l.done)
					delete(t.lines, w)
				}
			}
		})
	}
}

// SetBoth does it to all lines between some hosts and others, both ways.
func (n *Network) SetBoth(l Line, some, others []*Host) (heal func()) {
	var heals []func()
	for _, a := range some {
		heals = append(heals, n.Set(l, a, others...))
	}
	for _, b := range others {
		heals = append(heals, n.Set(l, b, some...))
	}
	return func() {
		for _, h := range heals {
			h()
		}
	}
}

// Heal makes all lines good.
func (n *Network) Heal() {
	n.change(func(t *table) {
		for w, l := range t.lines {
			close(l.done)
			delete(t.lines, w)
		}
	})
}

// carry takes packets from a host's cable to where they want to go, until the cable is pulled.
func (n *Network) carry(from *Host) {
	packet := make([]byte, packetMost)
	for {
		size, err := from.cable.Read(packet)
		if err != nil {
			return
		}
		if size < headerSize || packet[0]>>4 != 4 {
			continue // IPv6 looks for neighbours, and there are none
		}
		t := n.table.Load()
		to := t.hosts[address(packet[16])<<24|address(packet[17])<<16|address(packet[18])<<8|address(packet[19])]
		if to == nil {
			continue
		}
		if l := t.lines[way{from, to}]; l != nil {
			l.put(to, packet[:size])
			continue
		}
		_, _ = to.cable.Write(packet[:size]) // a full or pulled cable loses it, as cables do
	}
}

// put lets a packet onto the line.
func (l *line) put(to *Host, packet []byte) {
	if l.Loss > 0 && rand.Float64() < l.Loss {
		return
	}
	now := time.Now()
	if l.Reorder > 0 && rand.Float64() < l.Reorder {
		_, _ = to.cable.Write(packet)
		return
	}
	if l.free.Before(now) {
		l.free = now
	}
	if l.Rate > 0 {
		if l.free.Sub(now) > queueLong {
			return
		}
		l.free = l.free.Add(time.Duration(len(packet)) * 8 * time.Second / time.Duration(l.Rate))
	}
	select {
	case l.queue <- queued{append([]byte(nil), packet...), l.free.Add(l.Delay)}:
	default:
	}
}

// send delivers what is due.
func (l *line) send(to *Host) {
	for {
		select {
		case <-l.done:
			return
		case q := <-l.queue:
			time.Sleep(time.Until(q.due))
			_, _ = to.cable.Write(q.packet)
		}
	}
}
