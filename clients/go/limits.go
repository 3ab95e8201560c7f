// Limits and times of the client: whatever waits or grows has its bound here, with its unit.

package parley

import "time"

// Limits and times.
const (
	// MaxPending is how many commands may wait for their outcome; Send refuses more.
	MaxPending = 1024
	// MaxGoodbyeWait bounds the wait that a gateway may ask for when it closes a connection.
	MaxGoodbyeWait = 2 * time.Minute

	minBackoff     = 200 * time.Millisecond // before the first reconnect; doubled after each failure
	maxBackoff     = 20 * time.Second
	dialWithin     = 10 * time.Second
	welcomeWithin  = 10 * time.Second // from the handshake to welcome
	writeWithin    = 30 * time.Second
	answerWithin   = 30 * time.Second // for accepted; after it the connection is given up
	silentBeats    = 3                // heartbeats without any frame after which the connection is given up
	minHeartbeat   = time.Second
	heartbeat      = 20 * time.Second // when the gateway names none
	retryAfter     = time.Second      // when a refusal names no time
	minRepeat      = 150 * time.Millisecond
	maxRepeat      = 3 * time.Second // between two questions for a difference while the views are behind
	doubtFor       = 10 * time.Second
	headsBelow     = 3   // heads below the cursor after which the inbox counts as a new one
	differencePage = 200 // events
)
