// The position that a row includes, read and written without decoding the row.

package law

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// fieldThrough is the number of Row.through, the first field of every row.
const fieldThrough = 1

// Through reads Row.through: every input below it is in the row. It is 0 when there is no row.
func Through(row []byte) (int64, error) {
	for b := row; len(b) > 0; {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return 0, fmt.Errorf("read a row: %w", protowire.ParseError(n))
		}
		b = b[n:]
		if number == fieldThrough && kind == protowire.VarintType {
			v, n := protowire.ConsumeVarint(b)
			if n < 0 {
				return 0, fmt.Errorf("read a row: %w", protowire.ParseError(n))
			}
			return int64(v), nil
		}
		if n = protowire.ConsumeFieldValue(number, kind, b); n < 0 {
			return 0, fmt.Errorf("read a row: %w", protowire.ParseError(n))
		}
		b = b[n:]
	}
	return 0, nil
}

// WithThrough returns the row with another through, encoded canonically: the field comes first.
func WithThrough(row []byte, value int64) ([]byte, error) {
	rest := row
	if number, kind, n := protowire.ConsumeTag(row); n > 0 && number == fieldThrough && kind == protowire.VarintType {
		_, m := protowire.ConsumeVarint(row[n:])
		if m < 0 {
			return nil, fmt.Errorf("read a row: %w", protowire.ParseError(m))
		}
		rest = row[n+m:]
	}
	next := protowire.AppendTag(make([]byte, 0, len(rest)+12), fieldThrough, protowire.VarintType)
	return append(protowire.AppendVarint(next, uint64(value)), rest...), nil
}
