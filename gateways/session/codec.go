// The two ways a frame is written: JSON for people and browsers, Protobuf for everybody in a hurry.

package session

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// Format is how frames are written.
type Format uint8

// Formats.
const (
	JSON Format = iota
	Protobuf
)

var (
	readJSON  = protojson.UnmarshalOptions{RecursionLimit: MaxDepth}
	writeJSON = protojson.MarshalOptions{}
	readProto = proto.UnmarshalOptions{RecursionLimit: MaxDepth}
)

// Decode reads a frame of a client. Size must have been checked. Text that is not UTF-8 is refused by both formats; in JSON
// an unknown field is refused too, because a misspelt one would otherwise be lost in silence.
func (f Format) Decode(b []byte) (*pb.ClientFrame, *Garbled) {
	if f == Protobuf && len(b) <= MaxFrame {
		if frame, ok := readPlain(b); ok {
			return frame, nil
		}
	}
	frame := new(pb.ClientFrame)
	if err := f.Read(b, frame); err != nil {
		return nil, &Garbled{Code: pb.Code_CODE_INVALID, Detail: err.Error()}
	}
	return frame, nil
}

// Read reads any message of a client, with the same care.
func (f Format) Read(b []byte, into proto.Message) error {
	if len(b) > MaxFrame {
		return fmt.Errorf("the frame has %d bytes, at most %d may come", len(b), MaxFrame)
	}
	if f == Protobuf {
		if err := readProto.Unmarshal(b, into); err != nil {
			return fmt.Errorf("not a Protobuf frame: %w", err)
		}
		return nil
	}
	if err := readJSON.Unmarshal(b, into); err != nil {
		return fmt.Errorf("not a JSON frame: %w", err)
	}
	return nil
}

// Append writes a frame for a client behind what is there.
func (f Format) Append(to []byte, frame *pb.ServerFrame) ([]byte, error) {
	if f == JSON {
		if whole, ok := appendJSON(to, frame); ok {
			return whole, nil
		}
		return writeJSON.MarshalAppend(to, frame)
	}
	size := frame.SizeVT()
	to = slices.Grow(to, size)
	whole := to[:len(to)+size]
	_, err := frame.MarshalToSizedBufferVT(whole[len(to):])
	return whole, err
}
