// The two encodings of frames: JSON for people and browsers, Protobuf for everybody else.

package translate

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// Format is an encoding of frames.
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

// Decode decodes a frame of a client. Both formats refuse text that is not UTF-8; JSON refuses an unknown field too, because
// a misspelt one would otherwise be ignored silently.
func (f Format) Decode(b []byte) (*pb.ClientFrame, error) {
	if f == Protobuf && len(b) <= MaxFrame {
		if frame, ok := readPlain(b); ok {
			return frame, nil
		}
	}
	frame := new(pb.ClientFrame)
	if err := f.Read(b, frame); err != nil {
		return nil, err
	}
	return frame, nil
}

// Read decodes any message of a client, by the same rules.
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

// Append appends the encoding of a frame for a client.
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
