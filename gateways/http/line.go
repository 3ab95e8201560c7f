// A line without a socket: the frames of one session, gathered for one request.

package http

import (
	"context"
	"net/http"
	"sync"

	"github.com/parley-im/parley/gateways/session"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// line implements session.Carrier.
type line struct {
	session.Line
	frames chan *pb.ServerFrame
	head   *pb.Cursor // of the inbox, at welcome
	once   sync.Once
	ended  chan struct{}
}

// Say keeps frames for the request. A request that does not look any more loses them.
func (l *line) Send(frames []*pb.ServerFrame) {
	for _, frame := range frames {
		select {
		case l.frames <- frame:
		default:
		}
	}
}

// Close ends the line after what was said.
func (l *line) Close(session.Closing) { l.once.Do(func() { close(l.ended) }) }

// Drained is closed at once: nothing waits in a socket.
func (l *line) Drained() <-chan struct{} {
	done := make(chan struct{})
	close(done)
	return done
}

// next is the next frame that fits; nil when the line ended or the time is over.
func (l *line) next(ctx context.Context, fits func(*pb.ServerFrame) bool) *pb.ServerFrame {
	for {
		select {
		case frame := <-l.frames:
			if fits(frame) {
				return frame
			}
			continue
		default:
		}
		select {
		case frame := <-l.frames:
			if fits(frame) {
				return frame
			}
		case <-l.ended:
			if len(l.frames) == 0 {
				return nil
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// answerTo fits the answer to a request, and a goodbye.
func answerTo(id uint64) func(*pb.ServerFrame) bool {
	return func(f *pb.ServerFrame) bool { return f.GetRe() == id && id != 0 || f.GetGoodbye() != nil }
}

// Numbers of the frames of a request.
const (
	helloID   = 1
	wordID    = 2
	earlierID = 3
)

// dial says hello for a request. fromHead lets it hear what its command becomes.
func (h *handler) dial(ctx context.Context, r *http.Request, device string, fromHead bool) (*line, *problem) {
	token, ok := bearer(r)
	if !ok {
		return nil, &problem{Status: http.StatusUnauthorized, Title: "no token", Detail: "send the header Authorization: Bearer TOKEN"}
	}
	l := &line{frames: make(chan *pb.ServerFrame, maxLine), ended: make(chan struct{})}
	entered, err := h.cfg.Door.Enter(l, session.Caller{Address: h.cfg.Address(r), Quiet: true, FromHead: fromHead})
	if err != nil {
		return nil, &problem{Status: http.StatusServiceUnavailable, Title: "full", Detail: err.Error(), retryMS: 1000}
	}
	l.Line = entered
	l.Receive(&pb.ClientFrame{Id: helloID, Word: &pb.ClientFrame_Hello{Hello: &pb.Hello{Token: token, DeviceId: device}}})
	frame := l.next(ctx, answerTo(helloID))
	if welcome := frame.GetWelcome(); welcome != nil {
		l.head = welcome.GetHead()
		return l, nil
	}
	l.Disconnect()
	return nil, refusal(frame)
}

// one says one frame and gives its answer.
func (h *handler) one(w http.ResponseWriter, r *http.Request, say *pb.ClientFrame) *pb.ServerFrame {
	ctx, cancel := context.WithTimeout(r.Context(), AnswerIn)
	defer cancel()
	l, wrong := h.dial(ctx, r, readerDevice, false)
	if wrong != nil {
		write(w, *wrong)
		return nil
	}
	defer l.Disconnect()
	say.Id = wordID
	l.Receive(say)
	frame := l.next(ctx, answerTo(wordID))
	if frame == nil || frame.GetRefused() != nil || frame.GetGoodbye() != nil {
		write(w, *refusal(frame))
		return nil
	}
	return frame
}
