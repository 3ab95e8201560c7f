// Some rows of a partition in memory, as they are on disk: who sends now sends again soon, and a read from Pebble costs as
// much as the fold.

package store

// Limits of a partition's cache: 64 partitions may keep 64 MiB.
const (
	cachedRows  = 1_000   // rows
	cachedBytes = 1 << 20 // bytes of their keys and values
)

// rowCache belongs to a partition, whose mutex guards it.
type rowCache struct {
	rows  map[string][]byte
	bytes int
}

func newRowCache() rowCache { return rowCache{rows: map[string][]byte{}} }

func (c *rowCache) get(key string) ([]byte, bool) {
	row, ok := c.rows[key]
	return row, ok
}

// put keeps a row as it was written or read; nil = there is none. What has no room goes, whichever it is.
func (c *rowCache) put(key string, row []byte) {
	c.drop(key)
	c.rows[key] = row
	c.bytes += len(key) + len(row)
	for other := range c.rows {
		if len(c.rows) <= cachedRows && c.bytes <= cachedBytes {
			return
		}
		c.drop(other)
	}
}

func (c *rowCache) drop(key string) {
	if row, ok := c.rows[key]; ok {
		c.bytes -= len(key) + len(row)
		delete(c.rows, key)
	}
}
