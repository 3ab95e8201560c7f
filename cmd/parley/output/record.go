// Records and rows as JSON for people: encrypted contents are shown by their size and key only.

package output

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/parley-im/parley/processors"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/topology"
)

// Record is a record's value as JSON. What cannot be decoded is shown by its size.
func Record(r *topology.Record) any {
	m, err := processors.Decode(r.Topic, r.Value)
	if err != nil {
		return fmt.Sprintf("<%d bytes that are not what the topic holds>", len(r.Value))
	}
	return message(m)
}

// Row is a row of a table as JSON, nil when there is none.
func Row(value []byte) any {
	if value == nil {
		return nil
	}
	row := &pb.Row{}
	if err := row.UnmarshalVT(value); err != nil {
		return fmt.Sprintf("<%d bytes that are no row>", len(value))
	}
	return message(row)
}

func message(m proto.Message) any {
	packed, err := protojson.Marshal(m)
	if err != nil {
		return err.Error()
	}
	var decoded any
	if err := json.Unmarshal(packed, &decoded); err != nil {
		return err.Error()
	}
	return hideSealed(decoded)
}

// hideSealed replaces encrypted contents by their size and key.
func hideSealed(decoded any) any {
	switch d := decoded.(type) {
	case []any:
		for i := range d {
			d[i] = hideSealed(d[i])
		}
	case map[string]any:
		if sealed, ok := d["ciphertext"].(string); ok {
			return fmt.Sprintf("<%d bytes sealed with %v>", base64.StdEncoding.DecodedLen(len(sealed)), d["keyId"])
		}
		for name := range d {
			d[name] = hideSealed(d[name])
		}
	}
	return decoded
}

// Brief is a record or row on one line of at most this many characters.
func Brief(decoded any, limit int) string {
	line := []rune(encoded(decoded, ""))
	if len(line) > limit {
		return string(line[:limit]) + "..."
	}
	return string(line)
}

// Indented is a record or row over several lines.
func Indented(decoded any) string { return encoded(decoded, "  ") }

func encoded(decoded any, indent string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // sizes stand between < and >
	e.SetIndent("", indent)
	if err := e.Encode(decoded); err != nil {
		return err.Error()
	}
	return strings.TrimSpace(b.String())
}

// Time is a broker's timestamp.
func Time(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
