// Package carriertest is the suite that every carrier of gateways passes: whatever a client speaks, it is authenticated,
// answered, ordered, limited and sent away in the same way. A carrier describes itself as a Carrier and calls Run; what it
// cannot do, such as pushing, it declares.
//
// It holds a backend as well, a log and views of a few lines, on which tests of gateways run.
package carriertest

import (
	"fmt"
	"testing"

	"github.com/parley-im/parley/gateways/session"
	"github.com/parley-im/parley/schemas/name"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// Direct is the conversation of the tests; ann and bob are in it.
var Direct = name.Direct("ann", "bob")

// Carrier describes a carrier to the suite.
type Carrier struct {
	// Serve serves a world until the test ends and returns how clients connect.
	Serve func(t testing.TB, w *World) Dial
	// Pushes reports that a client stays connected: it receives events without asking and resumes from a cursor.
	Pushes bool
	// Ends are the codes by which clients learn why their session ended, or did not begin.
	Ends map[session.Reason]int
	// Full is the code by which a client learns that it is not let in.
	Full int
	// Bad are inputs that are not what the carrier takes. Each is refused as invalid.
	Bad map[string]string
}

// Dial connects a client and logs it in. The error may be an Ended.
type Dial func(token, device string, cursor *pb.Cursor) (Client, error)

// Client is a client of the carrier.
type Client interface {
	// Ask sends a frame and returns its answer. The error may be an Ended.
	Ask(frame *pb.ClientFrame) (*pb.ServerFrame, error)
	// Raw sends bytes that need not be a frame and returns the answer.
	Raw(bytes string) (*pb.ServerFrame, error)
	// Event waits for the next event. Without pushes only outcomes of the client's own commands come. The error may be an Ended.
	Event() (*pb.Event, error)
	// Close disconnects.
	Close()
}

// Ended means that the carrier ended the session, or did not begin one.
type Ended struct{ Code int }

func (e *Ended) Error() string { return fmt.Sprint("the session ended with code ", e.Code) }

// Run runs the suite.
func Run(t *testing.T, c Carrier) {
	t.Run("login", c.login)
	t.Run("bad tokens", c.badTokens)
	t.Run("a command is accepted and has an outcome", c.outcome)
	t.Run("commands keep their order", c.order)
	t.Run("refusals", c.refusals)
	t.Run("a log that is full or silent", c.brokenLog)
	t.Run("views that are down", c.brokenViews)
	t.Run("difference", c.difference)
	t.Run("resume", c.resume)
	t.Run("bad input", c.badInput)
	t.Run("limits", c.limits)
	t.Run("drain", c.drain)
}
