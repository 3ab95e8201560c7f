// The import law: five floors, halls and rooms. Imports run one way, so that anybody can read the house from the bottom
// up and replace a room without asking the others.

package laws

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/parley-im/parley/topology"
)

// place is a kind of folder and what it may import of the house.
type place struct {
	folder string   // pattern of path.Match, of which folders below are part too when it ends in "..."
	may    []string // the same kind of patterns
	why    string
}

// places are looked through from the top; the first that matches counts.
var places = []place{
	{"schemas...", []string{"schemas..."}, "the dictionary is the ground floor and stands on nothing"},

	{"topology", []string{"schemas..."}, "the plan is data: whoever derives something from it imports the plan, not the other way round"},
	{"topology/wire", []string{"topology", "schemas..."}, "the wire knows the plan, and is given machines as values"},
	{"topology/draw", []string{"topology", "schemas..."}, "drawings show the plan and nothing else"},
	{"deploy", []string{"topology", "schemas..."}, "what is deployed is derived from the plan alone"},

	{"processors", []string{"topology", "processors/*", "schemas..."}, "the hall marries the plan to its machines and does no IO; cmd gives it to the wire"},
	{"processors/audit", []string{"topology", "schemas..."}, "the auditor is no machine: it is given machines as values, and records of every topic, and must not know the hall"},
	{"processors/*", []string{"schemas..."}, "a machine knows the words and nothing of the house: neither plan nor hall nor another machine"},

	{"views", []string{"topology", "topology/wire", "views/*", "schemas..."}, "halls are strangers to each other; cmd introduces them"},
	{"views/*", []string{"schemas..."}, "a projection or store knows the words and nothing of the house; the hall brings rooms together"},

	{"gateways", []string{"topology", "topology/wire", "gateways/*", "schemas..."}, "halls are strangers to each other; cmd introduces them"},
	{"gateways/session", []string{"schemas..."}, "the client protocol knows neither socket nor house"},
	{"gateways/*", []string{"gateways/session", "schemas..."}, "a carrier knows the words and the session; the hall brings carriers together"},

	{"cmd/parley", []string{"schemas...", "topology...", "deploy", "processors", "processors/audit", "views...", "gateways...", "clients..."}, "cmd introduces the halls; machines are reached through theirs"},
	{"clients...", []string{"schemas..."}, "a client sees what stands on the wire"},
	{"test...", []string{"..."}, "tests see all"},
}

// owned are modules that one place alone may import.
var owned = []struct{ module, place, why string }{
	{"github.com/lovoo/goka", "topology/wire", "the laws of the log live in the wire; goka used elsewhere would break them unseen"},
	{"github.com/IBM/sarama", "topology/wire", "the laws of the log live in the wire; a second producer would not know them"},
}

// Imports finds imports that the house forbids, and folders that it does not know.
func Imports(t *Tree) []Violation {
	var found []Violation
	unknown := map[string]bool{}
	for _, f := range t.Files {
		if f.Go == nil {
			continue
		}
		p, ok := placeOf(f.Folder())
		if !ok {
			if !unknown[f.Folder()] {
				found = append(found, t.at(f, f.Go.Package, "the house has no folder %q; put the file into a room that there is, or give the room "+
					"its place in test/laws/imports.go", f.Folder()))
			}
			unknown[f.Folder()] = true
			continue
		}
		for _, spec := range f.Go.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				continue
			}
			if says := forbidden(f, p, imported); says != "" {
				found = append(found, t.at(f, spec.Pos(), "%s", says))
			}
		}
	}
	return found
}

// transcript words commands and events for people; the tests of machines read like stories with it.
const transcript = "processors/transcript"

// isSuite reports whether a folder holds tests that several rooms run, like storetest: it is called after what it tests.
func isSuite(folder string) bool { return strings.HasSuffix(folder, "test") && folder != "test" }

// placeOf is the place of a folder. A suite below a room belongs to the room, which it knows.
func placeOf(folder string) (place, bool) {
	for _, p := range places {
		if matches(p.folder, folder) {
			return p, true
		}
	}
	if room := path.Dir(folder); isSuite(folder) && room != "." {
		p, ok := placeOf(room)
		p.may = append(slices.Clone(p.may), room)
		return p, ok
	}
	return place{}, false
}

// matches reports whether a folder is meant by a pattern.
func matches(pattern, folder string) bool {
	if base, deep := strings.CutSuffix(pattern, "..."); deep {
		return base == "" || folder == base || strings.HasPrefix(folder, base+"/")
	}
	ok, _ := path.Match(pattern, folder)
	return ok
}

// forbidden says why a file may not import something, or "".
func forbidden(f *File, p place, imported string) string {
	folder, ofHouse := strings.CutPrefix(imported, Module+"/")
	if !ofHouse {
		return forbiddenFromOutside(f, imported)
	}
	if matches("test...", folder) && !matches("test...", f.Folder()) {
		if f.Test() {
			return ""
		}
		return "imports " + folder + ", which is for tests alone: the house must stand without them"
	}
	own := folder == f.Folder() // a test from outside of its package
	suite := f.Test() && (isSuite(folder) || folder == transcript)
	if own || suite || slices.ContainsFunc(p.may, func(pattern string) bool { return matches(pattern, folder) }) {
		return ""
	}
	return "imports " + folder + "; " + p.why
}

func forbiddenFromOutside(f *File, imported string) string {
	for _, o := range owned {
		mayUse := matches(o.place+"...", f.Folder()) || matches("test...", f.Folder())
		if under(imported, o.module) && !mayUse {
			return "imports " + imported + ", which " + o.place + " alone may: " + o.why
		}
	}
	if f.Test() || f.Generated {
		return ""
	}
	switch {
	case isMachine(f.Folder()):
		return forbiddenInMachine(imported)
	case matches("processors...", f.Folder()):
		return forbiddenInProcessors(imported)
	}
	return ""
}

// isMachine reports whether a folder holds a group's machine.
func isMachine(folder string) bool {
	name, ok := strings.CutPrefix(folder, "processors/")
	_, isGroup := topology.House().Group(name)
	return ok && isGroup
}

// pure are the packages that a machine may use: the same arguments give the same result on every owner, for ever. fmt is
// among them, because it sorts the maps that it prints and machines word refusals with it.
var pure = []string{"bytes", "cmp", "encoding/binary", "errors", "fmt", "iter", "maps", "math", "math/bits", "slices", "sort", "strconv",
	"strings", "unicode", "unicode/utf8", "google.golang.org/protobuf"}

// impure are packages that the whole of processors may not use, with what would go wrong.
var impure = []struct{ of, why string }{
	{"net", "it would decide by an answer that a replay does not get"},
	{"os", "two owners on two hosts would read different things"},
	{"io", "a fold reads its record and its row, and nothing that flows"},
	{"log", "a replay of a year would log a year; say it as an event, and the hall's callers log"},
	{"math/rand", "two owners of a partition would say different things; ids arrive in commands"},
	{"crypto/rand", "two owners of a partition would say different things; ids arrive in commands"},
	{"hash/maphash", "its seed is another one in each process"},
	{"sync", "a fold has no neighbours: what needs a lock is shared, and shared state is not in the log"},
	{"context", "a fold cannot be cancelled half way: its record is taken or it is not"},
	{"runtime", "what the machine room looks like must not show in the log"},
	{"github.com/google/uuid", "a drawn id differs on each owner; ids arrive in commands"},
}

func forbiddenInProcessors(imported string) string {
	for _, i := range impure {
		if under(imported, i.of) {
			return "imports " + imported + "; processors are pure: " + i.why
		}
	}
	return ""
}

func forbiddenInMachine(imported string) string {
	if says := forbiddenInProcessors(imported); says != "" {
		return says
	}
	if under(imported, "time") {
		return "imports time; a machine's only clock is the row's time, in milliseconds, or a replay would decide otherwise than the day itself"
	}
	if !slices.ContainsFunc(pure, func(of string) bool { return under(imported, of) }) {
		return "imports " + imported + ", which is not known to be pure; do without it, or add it to the list in test/laws/imports.go with good reason"
	}
	return ""
}

// under reports whether a package is of or below another.
func under(imported, of string) bool { return imported == of || strings.HasPrefix(imported, of+"/") }
