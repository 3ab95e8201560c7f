// Package vtcodec stands between Kitex's stubs and vtprotobuf: generated stubs marshal through it.
package vtcodec

import "fmt"

type message interface {
	MarshalVT() ([]byte, error)
	UnmarshalVT([]byte) error
}

// Marshal encodes a message that vtprotobuf generated.
func Marshal(m any) ([]byte, error) {
	vt, ok := m.(message)
	if !ok {
		return nil, fmt.Errorf("vtcodec: %T has no MarshalVT; add it to schemas and generate", m)
	}
	return vt.MarshalVT()
}

// Unmarshal decodes into a message that vtprotobuf generated.
func Unmarshal(b []byte, m any) error {
	vt, ok := m.(message)
	if !ok {
		return fmt.Errorf("vtcodec: %T has no UnmarshalVT; add it to schemas and generate", m)
	}
	return vt.UnmarshalVT(b)
}
