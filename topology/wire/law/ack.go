// The acks of an owner's own changelog records.

package law

import "github.com/parley-im/parley/topology"

// AckRow takes the ack of a row, in the order of the log; fresh = its key had none before it or those that it supersedes.
// It reports whether a foreign record was noticed for the first time. The row itself is the caller's to write.
func (v *View) AckRow(key string, row []byte, fresh bool, offset int64) (foreign bool, err error) {
	foreign = v.advance(offset)
	if err := v.census.Take(row, fresh); err != nil {
		return foreign, err
	}
	if _, suspect := v.suspects[key]; suspect && !v.frozen {
		v.trust(key)
	}
	return foreign, nil
}

// AckMark takes the ack of a skip or of a tombstone. Behind a foreign record neither counts here: to know one mark too
// many is harmless, and whether a skip holds is for the next owner to decide, who reads what stands before it. A takeover
// does not count either: the owner reads it back, as everything up to it.
func (v *View) AckMark(key string, value []byte, headers []topology.Header, offset int64) (foreign bool, err error) {
	if value != nil && !isSkip(key) {
		return false, nil
	}
	foreign = v.advance(offset)
	switch {
	case v.frozen && (value == nil || !v.broken.StaleSkipEmitted):
		return foreign, nil
	case value == nil:
		v.forget(key)
		return foreign, nil
	}
	for _, h := range headers {
		if h.Key != headerSkip {
			continue
		}
		k, err := skipOf(h.Value)
		if err != nil {
			return foreign, err
		}
		v.writeSkip(key, k)
	}
	return foreign, nil
}

// advance moves the position behind a record of the owner's own.
func (v *View) advance(offset int64) (foreign bool) {
	if !v.frozen && offset != v.next {
		v.frozen, foreign = true, true
	}
	v.next = offset + 1
	if !v.frozen {
		v.saved = v.next
	}
	return foreign
}
