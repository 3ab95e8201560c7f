// The name of a partition, and which partition a key belongs to: one function for goka, librdkafka producers and every tool.

package topology

import (
	"bytes"
	"cmp"
	"hash"
	"hash/fnv"
)

const (
	fnvOffset = 2166136261
	fnvPrime  = 16777619
)

// TopicPartition names a partition of a topic.
type TopicPartition struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
}

// Compare orders by topic, then by partition. It is for slices.SortFunc.
func (tp TopicPartition) Compare(other TopicPartition) int {
	return cmp.Or(cmp.Compare(tp.Topic, other.Topic), cmp.Compare(tp.Partition, other.Partition))
}

// PartitionOf is the partition of a key among n: FNV-1a over the part before the first '/' (the user), top bit masked.
// It gives what goka computes with Hasher. n is a power of two in every plan, because goka's hash of a negative sum is
// negative for other counts (u1924578 over 12 gives -8).
func PartitionOf(key string, n int32) int32 {
	h := uint32(fnvOffset)
	for i := 0; i < len(key) && key[i] != '/'; i++ {
		h = (h ^ uint32(key[i])) * fnvPrime
	}
	return int32(h&0x7fffffff) % n
}

// prefixHash is FNV-1a over the bytes before the first '/'.
type prefixHash struct {
	hash.Hash32
	done bool
}

// Hasher is for goka.WithHasher: goka then agrees with PartitionOf.
func Hasher() hash.Hash32 { return &prefixHash{Hash32: fnv.New32a()} }

func (p *prefixHash) Write(b []byte) (int, error) {
	n := len(b)
	if p.done {
		return n, nil
	}
	if i := bytes.IndexByte(b, '/'); i >= 0 {
		b, p.done = b[:i], true
	}
	_, err := p.Hash32.Write(b)
	return n, err
}

func (p *prefixHash) Reset() { p.Hash32.Reset(); p.done = false }

// Sum32 masks the top bit: goka takes the remainder of a signed number.
func (p *prefixHash) Sum32() uint32 { return p.Hash32.Sum32() & 0x7fffffff }
