// Records of a changelog: rows, and marks, which are takeovers, skips and the tombstones of both. Their keys and headers.

package law

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"github.com/parley-im/parley/topology"
)

const (
	takeoverPrefix  = "\x00takeover/"          // of the keys of marks; no key of a row begins with it
	skipPrefix      = takeoverPrefix + "skip/" // of the keys of skips: an older binary takes them for takeovers, which is safe
	headerTakeover  = "takeover"               // on every mark; of a takeover, its rank
	headerSkip      = "skip"                   // of a skip: the input's offset, and what the machine panicked with
	takeoverVersion = "1"
)

// NoGeneration is the generation of a row that was written without a takeover.
const NoGeneration = -1

// Record is a record of a changelog as it is read back.
type Record struct {
	Key        string
	Value      []byte // nil = tombstone
	Offset     int64
	Generation int64 // offset of the writer's takeover record, or NoGeneration
	Mark       bool  // it is no row
	Rank       Rank  // of a takeover
	Skip       Skip  // of a skip
}

// ReadRecord reads the headers of a changelog record.
func ReadRecord(key string, value []byte, offset int64, header func(string) ([]byte, bool)) (Record, error) {
	r := Record{Key: key, Value: value, Offset: offset, Generation: NoGeneration}
	if b, _ := header(topology.HeaderGeneration); len(b) == 8 {
		r.Generation = int64(binary.BigEndian.Uint64(b))
	}
	packed, marked := header(headerTakeover)
	if !marked || !strings.HasPrefix(key, takeoverPrefix) {
		return r, nil
	}
	if r.Mark, r.Rank = true, unpackRank(packed); value == nil || !isSkip(key) {
		return r, nil
	}
	why, _ := header(headerSkip)
	var err error
	r.Skip, err = skipOf(why)
	return r, err
}

func isSkip(key string) bool { return strings.HasPrefix(key, skipPrefix) }

// IsMark reports whether a record of a changelog is a mark and no row.
func IsMark(r *topology.Record) bool {
	for _, h := range r.Headers {
		if h.Key == headerTakeover {
			return strings.HasPrefix(r.Key, takeoverPrefix)
		}
	}
	return false
}

// TakeoverKey is the key of a takeover record.
func TakeoverKey(nonce string) string { return takeoverPrefix + nonce }

// SkipKey is the key of the record that skips an input.
func SkipKey(input int64, nonce string) string {
	return skipPrefix + strconv.FormatInt(input, 10) + "/" + nonce
}

// RowHeaders are the headers of an owner's rows.
func RowHeaders(generation int64) []topology.Header {
	return []topology.Header{{Key: topology.HeaderGeneration, Value: binary.BigEndian.AppendUint64(nil, uint64(generation))}}
}

// TakeoverHeaders are the headers of a takeover record.
func TakeoverHeaders(r Rank) []topology.Header {
	return []topology.Header{{Key: headerTakeover, Value: r.Pack()}}
}

// SkipHeaders are the headers of the record that skips an input.
func SkipHeaders(generation, input int64, detail string) []topology.Header {
	return []topology.Header{
		RowHeaders(generation)[0],
		{Key: headerSkip, Value: append(binary.BigEndian.AppendUint64(nil, uint64(input)), detail...)},
		{Key: headerTakeover},
	}
}

// TombstoneHeaders are the headers of a mark's tombstone.
func TombstoneHeaders() []topology.Header { return []topology.Header{{Key: headerTakeover}} }

// MarkValue is the value of a takeover or skip: it pins the id of the input that its owner consumes.
func MarkValue(nonce, input, owner string) []byte {
	return []byte(strings.Join([]string{takeoverVersion, nonce, input, owner}, " "))
}

// InputOf is the id of the input that the value of a takeover or skip pins.
func InputOf(value []byte) (string, error) {
	fields := strings.Fields(string(value))
	if len(fields) < 3 || fields[0] != takeoverVersion {
		return "", fmt.Errorf("a takeover record of an unknown form: %q", value)
	}
	return fields[2], nil
}
