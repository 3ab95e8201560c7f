// Values: a position, and the document behind it.

package pebble

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// positionBytes is the width of the position before every document: big endian.
const positionBytes = 8

type message interface {
	MarshalVT() ([]byte, error)
	UnmarshalVT([]byte) error
}

func document(position uint64, value []byte) []byte {
	return append(binary.BigEndian.AppendUint64(nil, position), value...)
}

func positionOf(from pebble.Reader, key []byte) (position uint64, found bool, err error) {
	value, closer, err := from.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	defer closer.Close()
	if len(value) < positionBytes {
		return 0, false, damaged(key)
	}
	return binary.BigEndian.Uint64(value), true, nil
}

func damaged(key []byte) error {
	return fmt.Errorf("%q has no position; the views' folder is damaged: delete it, it is folded again from the log", key)
}
