// An input that is skipped, because the machine of an owner panicked at it.
//
// A machine of another build may not panic, and would emit what this one skipped. So the skip stands in the changelog
// before the dead letter leaves. Whoever takes over later reads it there, and treats the input as if its machine panicked.

package law

import (
	"encoding/binary"
	"errors"
)

// Skip says that an input is skipped.
type Skip struct {
	Input  int64
	Detail string // what the machine panicked with
	void   bool   // a stale owner wrote it
}

const skipHead = 8 + 1 // bytes before the detail in the local store

// pack encodes a skip for the local store.
func (k Skip) pack() []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(k.Input))
	if k.void {
		return append(append(b, 1), k.Detail...)
	}
	return append(append(b, 0), k.Detail...)
}

func unpackSkip(b []byte) Skip {
	return Skip{Input: int64(binary.BigEndian.Uint64(b)), void: b[8] == 1, Detail: string(b[skipHead:])}
}

// skipOf reads the header of a skip.
func skipOf(header []byte) (Skip, error) {
	if len(header) <= 8 {
		return Skip{}, errors.New("the record of a skipped input does not say which input, or why")
	}
	return Skip{Input: int64(binary.BigEndian.Uint64(header)), Detail: string(header[8:])}, nil
}
