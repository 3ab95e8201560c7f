// The limits of a gateway: how much one user, one address and the whole process may use at once.

package door

import (
	"time"

	"github.com/parley-im/parley/gateways/session"
)

const retryMS = 1_000 // milliseconds that a refused client should wait

// Limits that an operator may set. Zero means the default.
type Limits struct {
	Connections           int           // of the process; default 50,000
	ConnectionsPerUser    int           // default 32
	ConnectionsPerAddress int           // default 1,024: many people may share an address
	EntersPerAddress      float64       // new connections a second of one address; default 50, in bursts of four seconds
	FramesPerConnection   float64       // frames a second; default 20, in bursts of four seconds
	FramesPerUser         float64       // frames a second over all connections; default 40, in bursts of four seconds
	ReturnWithin          time.Duration // after a drain clients reconnect spread over this time; default 10 s
	PresenceLease         time.Duration // for which a user is shown as present after a gateway crashed; default 15 min, at most 1 h
}

// OrDefaults replaces zeros by the defaults.
func (l Limits) OrDefaults() Limits {
	orInt := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	orRate := func(v *float64, d float64) {
		if *v == 0 {
			*v = d
		}
	}
	orInt(&l.Connections, 50_000)
	orInt(&l.ConnectionsPerUser, 32)
	orInt(&l.ConnectionsPerAddress, 1_024)
	orRate(&l.EntersPerAddress, 50)
	orRate(&l.FramesPerConnection, 20)
	orRate(&l.FramesPerUser, 40)
	if l.PresenceLease == 0 {
		l.PresenceLease = session.LeaseMS * time.Millisecond
	}
	if l.ReturnWithin == 0 {
		l.ReturnWithin = 10 * time.Second
	}
	return l
}
