// Events as lines of JSON, for histories that another process wrote or that are to be looked at.

package check

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
)

// maxLine is the longest line of a history, in bytes.
const maxLine = 1 << 20

// Writer writes events as lines of JSON.
type Writer struct{ to *json.Encoder }

// NewWriter writes to w.
func NewWriter(w io.Writer) *Writer { return &Writer{json.NewEncoder(w)} }

// Write writes one event.
func (w *Writer) Write(e Event) error { return w.to.Encode(e) }

// Read hands every event of a history of lines of JSON to a function. An unknown field is an error: it might be what matters.
func Read(from io.Reader, each func(Event) error) error {
	lines := bufio.NewScanner(from)
	lines.Buffer(make([]byte, 0, 4096), maxLine)
	for n := 1; lines.Scan(); n++ {
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			continue
		}
		var e Event
		d := json.NewDecoder(bytes.NewReader(line))
		d.DisallowUnknownFields()
		if err := d.Decode(&e); err != nil {
			return fmt.Errorf("line %d of the history: %w", n, err)
		}
		if err := each(e); err != nil {
			return fmt.Errorf("line %d of the history: %w", n, err)
		}
	}
	return lines.Err()
}
