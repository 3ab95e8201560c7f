// What a carrier (a WebSocket, a request of HTTP) and the hall know of each other.

package session

import pb "github.com/parley-im/parley/schemas/gen/parleyv1"

// Carrier takes frames to a client. None of its methods blocks.
type Carrier interface {
	// Say sends frames in order. A client that does not take them is cut; it repairs itself when it comes back.
	Say(frames []*pb.ServerFrame)
	// Close ends the connection after what was said.
	Close(why Closing)
	// Drained is closed when nothing waits to be sent, or the connection ended.
	Drained() <-chan struct{}
}

// Caller says who is at the door, before anybody said hello.
type Caller struct {
	Address  string // of the client, as far as it can be trusted
	Quiet    bool   // see Config
	FromHead bool   // see Config
}

// Line is a session as its carrier sees it. Said and Garbled are called from one goroutine.
type Line interface {
	Said(frame *pb.ClientFrame)
	Garbled(why Garbled)
	Gone()
}

// Door lets callers in, or says why not.
type Door interface {
	Enter(c Carrier, who Caller) (Line, error)
}

// Full is the error of a door that lets nobody in for now.
type Full struct {
	Why          string
	RetryAfterMS uint32
}

func (f *Full) Error() string { return f.Why }
