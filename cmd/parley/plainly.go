// Records and rows in plain words, for tools: as JSON, what is sealed by its size and key alone.

package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/parley-im/parley/processors"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/topology"
)

// plainRecord is a record's value in words. What cannot be decoded is told by its size.
func plainRecord(r *topology.Record) any {
	m, err := processors.Decode(r.Topic, r.Value)
	if err != nil {
		return fmt.Sprintf("<%d bytes that are not what the topic holds>", len(r.Value))
	}
	return plainly(m)
}

// plainRow is a row in words, nil when there is none.
func plainRow(value []byte) any {
	if value == nil {
		return nil
	}
	row := &pb.Row{}
	if err := row.UnmarshalVT(value); err != nil {
		return fmt.Sprintf("<%d bytes that are no row>", len(value))
	}
	return plainly(row)
}

// plainly is a message in words.
func plainly(m proto.Message) any {
	packed, err := protojson.Marshal(m)
	if err != nil {
		return err.Error()
	}
	var words any
	if err := json.Unmarshal(packed, &words); err != nil {
		return err.Error()
	}
	return keepSealed(words)
}

// keepSealed replaces everything sealed by what may be said of it.
func keepSealed(words any) any {
	switch w := words.(type) {
	case []any:
		for i := range w {
			w[i] = keepSealed(w[i])
		}
	case map[string]any:
		if sealed, ok := w["ciphertext"].(string); ok {
			return fmt.Sprintf("<%d bytes sealed with %v>", base64.StdEncoding.DecodedLen(len(sealed)), w["keyId"])
		}
		for name := range w {
			w[name] = keepSealed(w[name])
		}
	}
	return words
}

// compact is words in one line.
func compact(words any) string { return strings.TrimSpace(encoded(words, "")) }

// indented is words over several lines.
func indented(words any) string { return strings.TrimSpace(encoded(words, "  ")) }

func encoded(words any, indent string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // what is sealed stands in < and >
	e.SetIndent("", indent)
	if err := e.Encode(words); err != nil {
		return err.Error()
	}
	return b.String()
}

// brief is words in one line of bounded length.
func brief(words any, most int) string {
	line := []rune(compact(words))
	if len(line) > most {
		return string(line[:most]) + "..."
	}
	return string(line)
}
