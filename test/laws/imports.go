// The import law: which room may import which. Imports run one way, so that the code can be read from the ground up and
// a room can be replaced without touching the others.

package laws

import (
	"go/token"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/parley-im/parley/topology"
)

// room is a kind of folder and what it may import of this module.
type room struct {
	folder string   // pattern of path.Match; folders below it belong to it too when it ends in "..."
	may    []string // the same kind of patterns
	why    string
}

// rooms stand in the order in which they may be read: a package imports only rooms above its own. A folder's room is the one
// that names it, or else the first whose pattern covers it.
var rooms = []room{
	{"schemas/vtcodec", nil, "encoding for generated stubs knows no message"},
	{"schemas/gen...", []string{"schemas/gen...", "schemas/vtcodec"}, "generated code depends on generated code and its encoding"},
	{"schemas/name", nil, "the grammar of ids needs nothing"},
	{"schemas/canonical", nil, "how bytes are laid out is read from descriptors"},
	{"schemas/effect", []string{"schemas/gen...", "schemas/name"}, "what an event does is read from the event alone"},
	{"schemas...", []string{"schemas..."}, "the schema is the ground floor and depends on nothing"},

	{"topology", []string{"schemas..."}, "the plan is data: what is derived from the plan imports it, not the other way round"},
	{"topology/wire/wiretest", []string{"topology", "schemas..."}, "the tests of every room of the wire use it, so it uses none of them"},
	{"topology/wire/law", []string{"topology"}, "the rules of the log know records alone, so that production and the simulator can both run them"},
	{"topology/wire/ticker", nil, "a function at intervals needs nothing"},
	{"topology/wire/failpoint", nil, "a failpoint must be reachable from every room of the wire"},
	{"topology/wire/metric", nil, "registering a collector needs nothing"},
	{"topology/wire/cluster", nil, "a connection knows neither the plan nor what is sent over it"},
	{"topology/wire/fetch", []string{"topology"}, "a fetched record is the same for whoever handles it"},
	{"topology/wire/produce", []string{"topology", "topology/wire/cluster", "topology/wire/failpoint", "topology/wire/metric", "topology/wire/ticker"}, "a producer knows records, and not what follows from their acks"},
	{"topology/wire/store", []string{"topology", "topology/wire/law", "topology/wire/cluster", "topology/wire/failpoint", "topology/wire/ticker"}, "a local store knows neither Kafka nor who owns it"},
	{"topology/wire/read", []string{"topology", "topology/wire/cluster", "topology/wire/fetch"}, "a reader joins no group and keeps nothing"},
	{"topology/wire/follow", []string{"topology", "topology/wire/law", "topology/wire/cluster", "topology/wire/fetch", "topology/wire/metric"}, "a follower has no table, and writes nothing to Kafka but commits"},
	{"topology/wire/logtest", []string{"topology", "topology/wire/cluster", "topology/wire/produce", "topology/wire/read", "topology/wire/wiretest"}, "tests write the log with the emitter and read it with the reader"},
	{"topology/wire/track", []string{"topology", "topology/wire/law", "topology/wire/store", "topology/wire/produce", "topology/wire/cluster", "topology/wire/failpoint", "topology/wire/ticker"},
		"a track orders what a group sends, and knows nothing of sessions and owners"},
	{"topology/wire/group", []string{"topology", "topology/wire/*"}, "a group knows the plan, and receives its machine as a value"},
	{"topology/wire", []string{"topology", "topology/wire/*", "schemas..."}, "the wire knows the plan, and receives machines as values"},
	{"topology/draw", []string{"topology", "schemas..."}, "drawings show the plan and nothing else"},
	{"deploy", []string{"topology", "schemas..."}, "what is deployed is derived from the plan alone"},

	{"processors/audit", []string{"topology", "schemas..."}, "the auditor is no machine: it receives machines as values, and records of every topic, and must not know the hall"},
	{"processors/transcript", []string{"schemas..."}, "printing a message needs the schema alone"},
	{"processors/machine", []string{"schemas..."}, "the frame of machines knows the schema alone"},
	{"processors/*", []string{"processors/machine", "schemas..."}, "a machine knows the schema and its frame: neither plan nor hall nor another machine"},
	{"processors", []string{"topology", "processors/*", "schemas..."}, "the hall binds machines to the plan and does no IO; cmd gives it to the wire"},

	{"views/store", []string{"schemas..."}, "what the stores share knows the schema alone and no store"},
	{"views/redis", []string{"views/store", "schemas..."}, "a store knows what stores share and the schema; the hall brings rooms together"},
	{"views/mongo", []string{"views/store", "schemas..."}, "a store knows what stores share and the schema; the hall brings rooms together"},
	{"views/pebble", []string{"views/store", "schemas..."}, "a store knows what stores share and the schema; the hall brings rooms together"},
	{"views/*", []string{"schemas..."}, "a projection knows the schema alone; the hall brings rooms together"},
	{"views/serve", []string{"schemas..."}, "the query service reads what it is given: it knows neither the plan nor the log nor a store"},
	{"views", []string{"topology", "topology/wire", "views/*", "schemas..."}, "halls do not know each other; cmd brings them together"},
	{"views/prove", []string{"topology", "views", "views/serve", "views/store", "schemas..."}, "comparing and rebuilding stand above the hall: they fold with its projectors, and the hall runs without them"},
	{"views/viewtest", []string{"topology", "views", "views/serve", "schemas..."}, "fixtures that the tests of the hall, of serve and of prove share"},

	{"gateways/translate", []string{"schemas..."}, "translation is pure: frames, commands and events are schema, and text is sealed by what it receives"},
	{"gateways/session", []string{"gateways/translate", "schemas..."}, "the client protocol knows neither sockets nor the rest of the system"},
	{"gateways/seal", []string{"schemas..."}, "encrypting text needs neither sessions nor carriers"},
	{"gateways/token", []string{"schemas..."}, "a token is checked before there is a session"},
	{"gateways/dispatch", []string{"gateways/session", "schemas..."}, "a dispatcher knows keys of topics and no connection"},
	{"gateways/push", []string{"gateways/dispatch", "gateways/seal", "gateways/session", "gateways/translate", "schemas..."}, "pushes reach sessions through their queues; what a connection is they need not know"},
	{"gateways/door", []string{"gateways/push", "gateways/seal", "gateways/session", "gateways/translate", "schemas..."}, "what connections share knows no carrier and no plan; the hall brings them together"},
	{"gateways/carriertest", []string{"topology", "gateways/dispatch", "gateways/door", "gateways/push", "gateways/seal", "gateways/session", "gateways/token", "schemas..."}, "the suite runs a carrier on real sessions and pushes, over a log and views of its own"},
	{"gateways/*", []string{"gateways/session", "gateways/translate", "schemas..."}, "a carrier knows the schema and the session; the hall brings carriers together"},
	{"gateways", []string{"topology", "topology/wire", "gateways/*", "schemas..."}, "halls do not know each other; cmd brings them together"},

	{"clients/go/frames", []string{"schemas..."}, "a connection carries frames and knows no rule of the client above it"},
	{"clients/go", []string{"clients/go/frames", "schemas..."}, "a client sees what is sent on the wire and no more"},
	{"clients/web", nil, "the built page is files"},

	// The packages below cmd/parley: first those that several commands share, then one for each command. Commands do not import
	// each other.
	{"cmd/parley/settings", []string{"topology", "topology/wire", "deploy", "views", "gateways/door"}, "settings say what they mean to each hall and start nothing"},
	{"cmd/parley/output", []string{"topology", "processors", "schemas..."}, "printing opens nothing"},
	{"cmd/parley/endpoint", []string{"cmd/parley/settings"}, "an address knows nothing of what is served on it"},
	{"cmd/parley/tokens", []string{"cmd/parley/settings", "gateways/token"}, "signing a token needs no gateway"},
	{"cmd/parley/kafka", []string{"cmd/parley/settings", "topology", "topology/wire"}, "what is asked of brokers knows no machine and no store"},
	{"cmd/parley/stores", []string{"cmd/parley/settings", "topology", "views"}, "opening stores reads no log"},
	{"cmd/parley/replay", []string{"cmd/parley/output", "cmd/parley/settings", "topology", "topology/wire", "processors", "schemas..."}, "a replay reads the log and writes nothing: it knows neither stores nor gateways"},
	{"cmd/parley/seed", []string{"cmd/parley/settings", "cmd/parley/tokens", "clients/go", "schemas..."}, "the first users enter like any client"},
	{"cmd/parley/run", []string{"cmd/parley/endpoint", "cmd/parley/seed", "cmd/parley/settings", "cmd/parley/tokens", "topology", "topology/wire", "processors", "views", "views/serve", "gateways", "gateways/push", "gateways/seal", "clients/web"}, "a process brings the halls together; machines are reached through their hall"},
	{"cmd/parley/dev", []string{"cmd/parley/endpoint", "cmd/parley/kafka", "cmd/parley/output", "cmd/parley/run", "cmd/parley/seed", "cmd/parley/settings", "deploy"}, "a development deployment is one process with every role; it is the only command on top of another"},
	{"cmd/parley/doctor", []string{"cmd/parley/endpoint", "cmd/parley/kafka", "cmd/parley/settings", "topology", "deploy", "views"}, "a check asks each server and changes nothing"},
	{"cmd/parley/capacity", []string{"topology", "deploy", "gateways/door", "gateways/session", "views/redis"}, "a capacity plan is counted, and connects to nothing"},
	{"cmd/parley/state", []string{"cmd/parley/kafka", "cmd/parley/output", "cmd/parley/replay", "cmd/parley/settings", "topology", "processors"}, "a row is folded from the log: no store is asked"},
	{"cmd/parley/explain", []string{"cmd/parley/kafka", "cmd/parley/output", "cmd/parley/replay", "cmd/parley/settings", "topology", "processors", "views", "views/store", "schemas..."}, "what became of a command is in the log and the views: no gateway is asked"},
	{"cmd/parley/generations", []string{"cmd/parley/kafka", "cmd/parley/output", "cmd/parley/replay", "cmd/parley/settings", "cmd/parley/stores", "topology", "views", "views/store", "views/prove"}, "a view is built from the log alone"},
	{"cmd/parley/verify", []string{"cmd/parley/endpoint", "cmd/parley/kafka", "cmd/parley/output", "cmd/parley/replay", "cmd/parley/settings", "cmd/parley/stores", "topology", "topology/wire", "processors", "processors/audit", "views", "views/prove", "views/serve", "schemas..."}, "a verifier must not trust what it verifies: it knows no gateway, and folds with the machines alone"},
	{"cmd/parley", []string{"cmd/parley/*", "topology", "topology/draw", "deploy"}, "a command is flags, help and a call; the packages below it do the work"},

	{"tools...", nil, "tools are modules of their own and import nothing of this one"},
	{"test...", []string{"..."}, "tests may import everything"},
}

// owned are modules that one room alone may import.
var owned = []struct{ module, room, why string }{
	{"github.com/lovoo/goka", "topology/wire", "the wire keeps the rules of the log; goka used elsewhere would break them unnoticed"},
	{"github.com/IBM/sarama", "topology/wire", "the wire keeps the rules of the log; a second producer would not know them"},
	{"github.com/confluentinc/confluent-kafka-go", "topology/wire/read", "one library in each place: groups, followers and producers are on others"},
}

// Imports finds imports that the law forbids, and folders that have no room.
func Imports(t *Tree) []Violation { return append(Unplaced(t), Upward(t)...) }

// Unplaced finds folders that have no room.
func Unplaced(t *Tree) []Violation {
	var found []Violation
	seen := map[string]bool{}
	for _, f := range t.Files {
		if f.Go == nil || seen[f.Folder()] {
			continue
		}
		seen[f.Folder()] = true
		if _, ok := roomOf(f.Folder()); !ok {
			found = append(found, t.at(f, f.Go.Package, "the folder %q has no room; move the file into an existing room, or add the room to "+
				"test/laws/imports.go", f.Folder()))
		}
	}
	return found
}

// Upward finds imports that the room of a file forbids.
func Upward(t *Tree) []Violation {
	var found []Violation
	for _, i := range t.ImportSpecs() {
		if i.Forbidden != "" {
			found = append(found, t.at(i.File, i.Pos, "%s", i.Forbidden))
		}
	}
	return found
}

// ImportSpec is one import of a file.
type ImportSpec struct {
	File      *File
	Path      string
	Pos       token.Pos
	Forbidden string // why the room of the file forbids it, or ""
}

// ImportSpecs are the imports of all files that have a room.
func (t *Tree) ImportSpecs() []ImportSpec {
	var specs []ImportSpec
	for _, f := range t.Files {
		if f.Go == nil {
			continue
		}
		r, ok := roomOf(f.Folder())
		if !ok {
			continue
		}
		for _, spec := range f.Go.Imports {
			if imported, err := strconv.Unquote(spec.Path.Value); err == nil {
				specs = append(specs, ImportSpec{f, imported, spec.Pos(), forbidden(f, r, imported)})
			}
		}
	}
	return specs
}

// transcript prints commands and events for people; the tests of machines compare with what it prints.
const transcript = "processors/transcript"

// isSuite reports whether a folder holds tests that several rooms run, like storetest: it is named after what it tests.
func isSuite(folder string) bool { return strings.HasSuffix(folder, "test") && folder != "test" }

// roomOf is the room of a folder. A suite below a room belongs to that room and may import it.
func roomOf(folder string) (room, bool) {
	if n := number(folder); n >= 0 {
		return rooms[n], true
	}
	if above := path.Dir(folder); isSuite(folder) && above != "." {
		r, ok := roomOf(above)
		r.may = append(slices.Clone(r.may), above)
		return r, ok
	}
	return room{}, false
}

// number is the index of the room that names a folder, or else of the first that covers it; -1 = none.
func number(folder string) int {
	if n := slices.IndexFunc(rooms, func(r room) bool { return r.folder == folder }); n >= 0 {
		return n
	}
	return slices.IndexFunc(rooms, func(r room) bool { return matches(r.folder, folder) })
}

// matches reports whether a pattern covers a folder.
func matches(pattern, folder string) bool {
	if base, deep := strings.CutSuffix(pattern, "..."); deep {
		return base == "" || folder == base || strings.HasPrefix(folder, base+"/")
	}
	ok, _ := path.Match(pattern, folder)
	return ok
}

// forbidden is why a file may not import a package, or "".
func forbidden(f *File, r room, imported string) string {
	folder, ours := strings.CutPrefix(imported, Module+"/")
	if !ours {
		return forbiddenFromOutside(f, imported)
	}
	if matches("test...", folder) && !matches("test...", f.Folder()) {
		if f.Test() {
			return ""
		}
		return "imports " + folder + ", which is for tests: production code must build without them"
	}
	own := folder == f.Folder() // a test from outside of its package
	suite := f.Test() && (isSuite(folder) || folder == transcript)
	switch {
	case own || suite:
		return ""
	case !slices.ContainsFunc(r.may, func(pattern string) bool { return matches(pattern, folder) }):
		return "imports " + folder + "; " + r.why
	case !f.Test() && rank(folder) > rank(f.Folder()):
		return "imports " + folder + ", whose room stands below its own in test/laws/imports.go; the list is read from the ground up"
	}
	return ""
}

// rank is the number of a folder's room in the list; a suite has that of the room above it.
func rank(folder string) int {
	n := number(folder)
	if n < 0 && isSuite(folder) {
		return rank(path.Dir(folder))
	}
	return n
}

func forbiddenFromOutside(f *File, imported string) string {
	for _, o := range owned {
		mayUse := matches(o.room+"...", f.Folder()) || matches("test...", f.Folder())
		if under(imported, o.module) && !mayUse {
			return "imports " + imported + ", which only " + o.room + " may: " + o.why
		}
	}
	if f.Test() || f.Generated {
		return ""
	}
	switch {
	case isFold(f.Folder()):
		return forbiddenInMachine(imported)
	case matches("processors...", f.Folder()):
		return forbiddenInProcessors(imported)
	case f.Folder() == wireLaw:
		return forbiddenInLaw(imported)
	}
	return ""
}

// wireLaw is the package that production and the simulator both run.
const wireLaw = "topology/wire/law"

// isFold reports whether a folder holds a group's machine, or what machines decide with.
func isFold(folder string) bool {
	if slices.Contains([]string{"schemas/canonical", "schemas/effect", "processors/machine"}, folder) {
		return true
	}
	name, ok := strings.CutPrefix(folder, "processors/")
	_, isGroup := topology.House().Group(name)
	return ok && isGroup
}

// pure are the packages that a machine, and the rules of the log, may use: the same arguments give the same result on every
// member, in every replay. fmt is among them: it sorts the maps that it prints, and machines format refusals with it.
var pure = []string{"bytes", "cmp", "encoding/binary", "errors", "fmt", "iter", "maps", "math", "math/bits", "slices", "sort", "strconv",
	"strings", "unicode", "unicode/utf8", "google.golang.org/protobuf"}

// impure are packages that nothing under processors may use, with what would go wrong.
var impure = []struct{ of, why string }{
	{"net", "a decision would depend on an answer that a replay does not get"},
	{"os", "two members on two hosts would read different things"},
	{"io", "a fold reads its record and its row, and no stream"},
	{"log", "replaying a year of records would log a year of lines; emit an event, and let the hall's callers log"},
	{"math/rand", "two members that process the same partition would emit different events; ids arrive in commands"},
	{"crypto/rand", "two members that process the same partition would emit different events; ids arrive in commands"},
	{"hash/maphash", "its seed differs in each process"},
	{"sync", "a fold runs alone: what needs a lock is shared, and shared state is not in the log"},
	{"context", "a fold cannot be cancelled half way: its record is applied or it is not"},
	{"runtime", "what the host looks like must not show in the log"},
	{"github.com/google/uuid", "a random id differs on each member; ids arrive in commands"},
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
	if why := forbiddenInProcessors(imported); why != "" {
		return why
	}
	if under(imported, "time") {
		return "imports time; a machine's only clock is the row's time, in milliseconds, or a replay would decide differently from the first run"
	}
	if !slices.ContainsFunc(pure, func(of string) bool { return under(imported, of) }) {
		return "imports " + imported + ", which is not known to be pure; do without it, or add it to the list in test/laws/imports.go with its reason"
	}
	return ""
}

func forbiddenInLaw(imported string) string {
	if !slices.ContainsFunc(pure, func(of string) bool { return under(imported, of) }) {
		return "imports " + imported + "; " + wireLaw + " is pure: a run of the simulator says nothing about production if a rule depends on " +
			"time, locks, goroutines or a library of Kafka or of disks"
	}
	return ""
}

// under reports whether a package is another one or below it.
func under(imported, of string) bool { return imported == of || strings.HasPrefix(imported, of+"/") }
