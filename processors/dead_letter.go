// Dead letters: an input that cannot be applied becomes a record of its own, with its cause, and the partition moves on.

package processors

import (
	"errors"
	"fmt"
	"strings"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/topology"
)

// letter is the dead letter of an input. Its key is the input's, so that one person's letters stand in one partition.
func (b *bound) letter(in *topology.Record, failing pb.Failing, detail string) []topology.Output {
	key := in.Key[:min(len(in.Key), topology.MaxKey)]
	return []topology.Output{{Topic: topology.DeadLetters, Key: key, Value: encode(&pb.DeadLetter{
		Group:     b.group.Name,
		Topic:     b.group.Input,
		Partition: in.Partition,
		Offset:    in.Offset,
		TimeMs:    max(in.Time.UnixMilli(), 0),
		Failing:   failing,
		Detail:    detailOf(detail),
		Key:       []byte(key),
		Value:     in.Value[:min(len(in.Value), topology.MaxLetter)],
	})}}
}

// failed is the dead letter of an input that would make a record too large, or at which this build's machine panics; then
// Output.Panic is set.
func (b *bound) failed(in *topology.Record, err error) []topology.Output {
	if errors.As(err, new(oversized)) {
		return b.letter(in, pb.Failing_FAILING_OVERSIZED, err.Error())
	}
	out := b.letter(in, pb.Failing_FAILING_PANIC, err.Error())
	out[0].Panic = detailOf(err.Error())
	return out
}

// detailOf is a detail as a letter has room for it. What is cut once is not cut again.
func detailOf(detail string) string {
	return strings.ToValidUTF8(detail[:min(len(detail), topology.MaxDetail)], "")
}

// oversized is the error of a record or row that would be larger than a record may be.
type oversized struct {
	what string
	size int
}

func (o oversized) Error() string {
	return fmt.Sprintf("%s would have %d bytes: at most %d, with a key of at most %d", o.what, o.size, topology.MaxValue, topology.MaxKey)
}

// panicked is the error of a machine that panicked. Only texts are repeated: anything else may print as an address, and two
// owners must write the same bytes.
func panicked(p any) error {
	switch p := p.(type) {
	case error:
		return fmt.Errorf("the machine panicked: %s", p.Error())
	case string:
		return fmt.Errorf("the machine panicked: %s", p)
	}
	return fmt.Errorf("the machine panicked with a %T", p)
}
