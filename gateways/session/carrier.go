// What a carrier (a WebSocket, a request of HTTP) and the door know of each other.

package session

import pb "github.com/parley-im/parley/schemas/gen/parleyv1"

// Carrier sends frames to a client. None of its methods blocks.
type Carrier interface {
	// Send sends frames in order. A client that does not take them is cut; it repairs itself when it reconnects.
	Send(frames []*pb.ServerFrame)
	// Close ends the connection after what was sent.
	Close(why Closing)
	// Drained is closed when nothing waits to be sent, or the connection ended.
	Drained() <-chan struct{}
}

// Caller is what a carrier knows of a client before its hello.
type Caller struct {
	Address  string // of the client, as far as it can be trusted
	Quiet    bool   // see Config
	FromHead bool   // see Config
}

// Line is a session as its carrier sees it. Receive and Malformed are called from one goroutine.
type Line interface {
	Receive(frame *pb.ClientFrame)
	Malformed(why Malformed)
	Disconnect()
}

// Door lets callers in, or returns why not.
type Door interface {
	Enter(c Carrier, who Caller) (Line, error)
}

// Full is the error of a door that lets nobody in for now.
type Full struct {
	Why          string
	RetryAfterMS uint32
}

func (f *Full) Error() string { return f.Why }
