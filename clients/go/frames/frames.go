// Package frames is one WebSocket connection to a gateway that carries the frames of the client protocol, as Protobuf or as
// JSON. It has no opinion about what the frames say: it neither logs in nor reconnects. Package parley, which does both,
// stands on it; so do programs that want every frame in their own hands, such as load generators and fault injectors.
package frames

import (
	"errors"
	"fmt"
	"slices"

	"google.golang.org/protobuf/encoding/protojson"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// ErrMalformed is what an error of Conn.Read and Conn.Write wraps when a frame cannot be decoded or encoded; every other error is
// one of the connection.
var ErrMalformed = errors.New("frames: malformed")

// Encoding is how frames are written. The zero value is Protobuf.
type Encoding uint8

// The encodings of the protocol.
const (
	Protobuf Encoding = iota
	JSON
)

// Subprotocol is the WebSocket subprotocol that selects the encoding.
func (e Encoding) Subprotocol() string {
	if e == JSON {
		return "parley.v1.json"
	}
	return "parley.v1.proto"
}

// Append appends a frame to b.
func (e Encoding) Append(b []byte, f *pb.ClientFrame) ([]byte, error) {
	if e == JSON {
		return protojson.MarshalOptions{}.MarshalAppend(b, f)
	}
	at, size := len(b), f.SizeVT()
	b = grow(b, size)
	if _, err := f.MarshalToSizedBufferVT(b[at:]); err != nil {
		return b[:at], err
	}
	return b, nil
}

// Decode reads a frame of a gateway. The frame does not keep b. A newer gateway may send fields that this client does not
// know: strict makes them an error, as far as JSON shows them.
func (e Encoding) Decode(b []byte, strict bool) (*pb.ServerFrame, error) {
	f := new(pb.ServerFrame)
	var err error
	if e == JSON {
		err = protojson.UnmarshalOptions{DiscardUnknown: !strict}.Unmarshal(b, f)
	} else {
		err = f.UnmarshalVT(b)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return f, nil
}

// grow makes b longer by n bytes whose content is undefined.
func grow(b []byte, n int) []byte {
	return slices.Grow(b, n)[:len(b)+n]
}
