// Whatever bytes come: no panic, and one frame in gives a bounded answer.

package session

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parley-im/parley/gateways/translate"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

func FuzzFrame(f *testing.F) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, line := range strings.Split(string(text), "\n") {
			if said, ok := strings.CutPrefix(line, "say "); ok {
				f.Add([]byte(said), true)
				if frame, err := translate.JSON.Decode([]byte(said)); err == nil {
					if encoded, err := frame.MarshalVT(); err == nil {
						f.Add(encoded, false)
					}
				}
			}
		}
	}
	f.Add([]byte(strings.Repeat(`{"send":`, 5000)), true)
	f.Add([]byte{0x9a, 0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}, false)
	f.Fuzz(func(t *testing.T, b []byte, asJSON bool) {
		format := translate.Protobuf
		if asJSON {
			format = translate.JSON
		}
		for _, loggedIn := range []bool{false, true} {
			s := New(Config{ID: "s", Verify: verifyPlain}, 1000)
			if loggedIn {
				s.Step(1000, Received{Frame: &pb.ClientFrame{Id: 1, Word: &pb.ClientFrame_Hello{Hello: &pb.Hello{Token: "ann:9999999", DeviceId: "phone"}}}})
				s.Step(1000, Answered{ID: 1})
			}
			frame, err := format.Decode(b)
			if err != nil {
				s.Step(1001, Malformed{Code: pb.Code_CODE_INVALID, Detail: err.Error()})
				continue
			}
			ready := s.Step(1001, Received{Frame: frame, Seal: plainSealer{}})
			for _, ask := range ready.Ask {
				s.Step(1002, Answered{ID: ask.ID})
			}
			for _, answer := range ready.Frames {
				for _, format := range []translate.Format{translate.JSON, translate.Protobuf} {
					if _, err := format.Append(nil, answer); err != nil {
						t.Fatalf("an answer that cannot be written: %v", err)
					}
				}
			}
			s.Step(1_000_000, Tick{})
			s.Step(1_000_001, Disconnected{})
		}
	})
}
