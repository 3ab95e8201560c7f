// Package output prints what a command found: as text for people, or as JSON for programs.
package output

import (
	"encoding/json"
	"fmt"
	"io"
)

// Formats that Print knows.
const (
	Text = "text"
	JSON = "json"
)

// Print prints data as JSON, or as the text that the function writes.
func Print(w io.Writer, format string, data any, text func(io.Writer) error) error {
	switch format {
	case JSON:
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(data)
	case Text:
		return text(w)
	}
	return fmt.Errorf("--output %s: want text or json", format)
}
