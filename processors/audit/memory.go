// What an auditor knows: sorted keys with values, so that a checkpoint is one batch of a store.

package audit

import (
	"encoding/binary"

	"github.com/parley-im/parley/topology"
)

// Memory keeps what an auditor knows. It copies what it is given to keep. What Get gives stays as it is; what Scan gives
// is good until the callback returns.
type Memory interface {
	Get(key []byte) []byte // nil = not there
	Set(key, value []byte)
	Delete(key []byte)
	// Forget deletes all keys from one to before another.
	Forget(from, to []byte)
	// Scan gives keys from one to before another in their order, until told to stop. Nothing is changed meanwhile.
	Scan(from, to []byte, each func(key, value []byte) bool)
}

// Kinds of keys: their first byte.
const (
	kindCounts    = 'a' // Counts, as JSON
	kindBeginning = 'b' // topic, partition -> Beginning
	kindDevice    = 'c' // user, device -> device
	kindOpen      = 'C' // user, device -> time of the oldest command without an outcome: those that have one
	kindDelivery  = 'd' // user, conversation -> delivery
	kindOwed      = 'D' // user, conversation: those where something is owed
	kindExpected  = 'e' // route, cause -> ordinal and digest of an output
	kindFlow      = 'f' // route -> flow
	kindMembers   = 'm' // conversation -> who is in it
	kindNumber    = 'n' // topic, key -> the last numbers
	kindParked    = 'o' // group, partition, offset of the cause; topic, partition, offset -> what was seen before its cause
	kindPosition  = 'p' // topic, partition -> next offset
	kindPassed    = 'q' // group, partition, offset: inputs that could not be folded
	kindRow       = 'r' // group, partition, key -> row
	kindAwaited   = 'w' // group, partition, key -> input whose row was not seen in the changelog
)

// each gives the keys of a kind, without it.
func (a *Auditor) each(kind byte, do func(key, value []byte)) {
	a.memory.Scan([]byte{kind}, []byte{kind + 1}, func(key, value []byte) bool {
		do(key[1:], value)
		return true
	})
}

func (a *Auditor) placeKey(kind byte, at topology.TopicPartition) []byte {
	return binary.BigEndian.AppendUint32([]byte{kind, a.topic(at.Topic).id}, uint32(at.Partition))
}

func passedKey(group uint16, partition int32, offset int64) []byte {
	b := binary.BigEndian.AppendUint16([]byte{kindPassed}, group)
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(b, uint32(partition)), uint64(offset))
}

// rowKey is the key of a row, or of what is known about it.
func rowKey(kind byte, group uint16, partition int32, key string) []byte {
	b := binary.BigEndian.AppendUint16([]byte{kind}, group)
	return append(binary.BigEndian.AppendUint32(b, uint32(partition)), key...)
}

// rowKeyHead is how many bytes stand before the key of a row, its kind left out.
const rowKeyHead = 6

// nameKey is a key of names; no name has a zero byte.
func nameKey(kind byte, names ...string) []byte {
	b := []byte{kind}
	for i, n := range names {
		if i > 0 {
			b = append(b, 0)
		}
		b = append(b, n...)
	}
	return b
}

func number(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

func u16(b []byte) uint16 { return binary.BigEndian.Uint16(b) }
func u32(b []byte) uint32 { return binary.BigEndian.Uint32(b) }
func u64(b []byte) uint64 { return binary.BigEndian.Uint64(b) }

// pack packs numbers, as many as there are.
func pack(numbers ...uint64) []byte {
	var b []byte
	for _, n := range numbers {
		b = binary.AppendUvarint(b, n)
	}
	return b
}

// unpack is the reverse of pack. What is damaged ends it.
func unpack(b []byte) []uint64 {
	var numbers []uint64
	for len(b) > 0 {
		n, size := binary.Uvarint(b)
		if size <= 0 {
			return numbers
		}
		numbers, b = append(numbers, n), b[size:]
	}
	return numbers
}
