// Package translate turns frames of clients into commands, and events and answers of views into frames. It grows with every
// new command; the session, which decides when something is sent, does not.
//
// Everything here is pure: the same input gives the same output. Text is sealed and opened by what the caller passes in.
package translate

import (
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// Sealer seals text under the key of the session's user, from memory.
type Sealer interface {
	Seal(text string) (*pb.Sealed, error)
}

// Opener opens sealed text with keys that were fetched before. ok is false when the key was destroyed.
type Opener interface {
	Open(*pb.Sealed) (text string, ok bool)
}

// Limits of what clients send and are sent.
const (
	MaxFrame  = 64 << 10 // bytes of a frame of a client
	MaxDepth  = 16       // nesting of a frame
	MaxDetail = 1024     // bytes of an explanation
)

// reveal opens a title or a name; one whose key is gone is empty.
func reveal(open Opener, sealed *pb.Sealed) string {
	if sealed == nil || open == nil {
		return ""
	}
	text, _ := open.Open(sealed)
	return text
}
