// Loads that are not spread (class 19): one key with half of all commands, and a group of the largest size.

package system

import "time"

const (
	hotFor  = 6 * time.Second
	fanOuts = 12 // messages to everybody on the square
)

// hotKey lets the hall be as loud as everybody else together.
func hotKey(w *world) time.Time {
	w.crowd.hot.Store(true)
	defer w.crowd.hot.Store(false)
	if w.crowd.probe().IsZero() {
		w.find("S", "others wait for a hot key")
	}
	time.Sleep(hotFor)
	return time.Now()
}

// fanOut lets somebody speak to a group of the largest size while the probes talk in pairs.
func fanOut(w *world) time.Time {
	from := time.Now()
	speaker := w.crowd.people[0]
	var last *command
	for range fanOuts {
		last = speaker.say(w.crowd.square)
	}
	if w.crowd.probe().IsZero() {
		w.find("S", "others wait for a large group")
	}
	if !speaker.wait(recoveryPatience, func() bool { return last.state == done }) {
		w.find("L", "a message to a large group has no outcome: %s", speaker.stuck())
	}
	return from
}
