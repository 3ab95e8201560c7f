// Small samples that break each law, which must report them, and samples that keep it, which it must not report.

package laws

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/parley-im/parley/topology"
)

// sample is a tree of a few lines and the violations in it: "path:line: part of the message", sorted by path.
type sample struct {
	name  string
	files map[string]string
	want  []string
}

func hold(t *testing.T, samples []sample, law func(*Tree) []Violation) {
	for _, s := range samples {
		t.Run(s.name, func(t *testing.T) {
			sources := map[string][]byte{}
			for name, text := range s.files {
				sources[name] = []byte(text)
			}
			tree, err := Parse(sources)
			require.NoError(t, err)
			found := law(tree)
			require.Len(t, found, len(s.want), "%v", found)
			for i, want := range s.want {
				where, message, _ := strings.Cut(want, ": ")
				require.Equal(t, where, fmt.Sprintf("%s:%d", found[i].Path, found[i].Line))
				require.Contains(t, found[i].Message, message)
			}
		})
	}
}

// one is a tree of one file that imports some packages, the first on line 3.
func one(path string, imports ...string) map[string]string {
	text := "package p\nimport (\n"
	for _, i := range imports {
		text += "_ \"" + strings.Replace(i, "~", Module, 1) + "\"\n"
	}
	return map[string]string{path: text + ")\n"}
}

func TestImportsBroken(t *testing.T) {
	hold(t, []sample{
		{"a folder that is not in the list", one("brokers/a.go"), []string{`brokers/a.go:1: the folder "brokers" has no room`}},
		{"a folder at the root", one("main.go"), []string{`main.go:1: the folder "" has no room`}},
		{"a folder below a room", one("processors/inbox/deep/a.go"), []string{`processors/inbox/deep/a.go:1: the folder "processors/inbox/deep" has no room`}},
		{"a second command", one("cmd/other/a.go"), []string{`cmd/other/a.go:1: the folder "cmd/other" has no room`}},

		{"machine imports the plan", one("processors/inbox/a.go", "~/topology"), []string{"processors/inbox/a.go:3: imports topology; a machine knows the schema"}},
		{"machine imports a machine", one("processors/inbox/a.go", "~/processors/outbox"), []string{"processors/inbox/a.go:3: imports processors/outbox; a machine"}},
		{"machine imports the hall", one("processors/inbox/a.go", "~/processors"), []string{"processors/inbox/a.go:3: imports processors; a machine"}},
		{"machine imports the schema", one("processors/inbox/a.go", "~/schemas/gen/parleyv1", "~/schemas/name"), nil},

		{"machine and net", one("processors/inbox/a.go", "fmt", "net/http"), []string{"processors/inbox/a.go:4: an answer that a replay does not get"}},
		{"machine and os", one("processors/inbox/a.go", "os/exec"), []string{"processors/inbox/a.go:3: two hosts"}},
		{"machine and io", one("processors/inbox/a.go", "io"), []string{"processors/inbox/a.go:3: no stream"}},
		{"machine and log", one("processors/inbox/a.go", "log/slog"), []string{"processors/inbox/a.go:3: would log a year"}},
		{"machine and rand", one("processors/inbox/a.go", "math/rand/v2", "crypto/rand"), []string{"processors/inbox/a.go:3: ids arrive", "processors/inbox/a.go:4: ids arrive"}},
		{"machine and sync", one("processors/inbox/a.go", "sync/atomic"), []string{"processors/inbox/a.go:3: a fold runs alone"}},
		{"machine and context", one("processors/inbox/a.go", "context"), []string{"processors/inbox/a.go:3: cannot be cancelled"}},
		{"machine and time", one("processors/inbox/a.go", "time"), []string{"processors/inbox/a.go:3: only clock is the row's time"}},
		{"machine and uuid", one("processors/inbox/a.go", "github.com/google/uuid"), []string{"processors/inbox/a.go:3: ids arrive"}},
		{"machine and anything else", one("processors/inbox/a.go", "reflect"), []string{"processors/inbox/a.go:3: not known to be pure"}},
		{"machine and what is pure", one("processors/inbox/a.go", "fmt", "slices", "strings", "google.golang.org/protobuf/proto"), nil},

		{"the rules of the log and what is pure", one("topology/wire/law/a.go", "~/topology", "fmt", "maps", "google.golang.org/protobuf/encoding/protowire"), nil},
		{"the rules of the log and a lock", one("topology/wire/law/a.go", "sync"), []string{"topology/wire/law/a.go:3: is pure"}},
		{"the rules of the log and time", one("topology/wire/law/a.go", "time"), []string{"topology/wire/law/a.go:3: is pure"}},
		{"the rules of the log and a disk", one("topology/wire/law/a.go", "github.com/cockroachdb/pebble/v2"), []string{"topology/wire/law/a.go:3: is pure"}},
		{"the rules of the log and goka", one("topology/wire/law/a.go", "github.com/lovoo/goka"), []string{"topology/wire/law/a.go:3: is pure"}},
		{"the rules of the log and the wire", one("topology/wire/law/a.go", "~/topology/wire/cluster"), []string{"topology/wire/law/a.go:3: know records alone"}},
		{"a machine's test may import anything", one("processors/inbox/a_test.go", "time", "os", "~/test/walk"), nil},
		{"hall of processors and time", one("processors/a.go", "time"), nil},
		{"hall of processors and os", one("processors/a.go", "os"), []string{"processors/a.go:3: processors are pure"}},
		{"hall of processors and the wire", one("processors/a.go", "~/topology", "~/topology/wire"), []string{"processors/a.go:4: imports topology/wire; the hall binds"}},
		{"hall of processors and its machines", one("processors/a.go", "~/processors/inbox", "~/schemas/name"), nil},

		{"the schema imports the plan", one("schemas/name/a.go", "~/topology"), []string{"schemas/name/a.go:3: imports topology; the grammar of ids needs nothing"}},
		{"the plan imports the wire", one("topology/a.go", "~/topology/wire"), []string{"topology/a.go:3: imports topology/wire; the plan is data"}},
		{"the wire imports a machine", one("topology/wire/a.go", "~/processors"), []string{"topology/wire/a.go:3: receives machines as values"}},
		{"drawings import deploy", one("topology/draw/a.go", "~/deploy"), []string{"topology/draw/a.go:3: imports deploy"}},
		{"deploy imports the wire", one("deploy/a.go", "~/topology/wire"), []string{"deploy/a.go:3: imports topology/wire"}},

		{"views import gateways", one("views/a.go", "~/gateways"), []string{"views/a.go:3: halls do not know each other"}},
		{"gateways import views", one("gateways/a.go", "~/views"), []string{"gateways/a.go:3: halls do not know each other"}},
		{"gateways import a store", one("gateways/a.go", "~/views/redis"), []string{"gateways/a.go:3: halls do not know each other"}},
		{"views import processors", one("views/a.go", "~/processors"), []string{"views/a.go:3: halls do not know each other"}},
		{"a hall and what it may", one("views/a.go", "~/topology", "~/topology/wire", "~/views/redis", "~/schemas/name"), nil},
		{"a view imports its hall", one("views/inbox/a.go", "~/views"), []string{"views/inbox/a.go:3: imports views; a projection"}},
		{"a view imports a store", one("views/inbox/a.go", "~/views/redis"), []string{"views/inbox/a.go:3: imports views/redis"}},
		{"a view imports the plan", one("views/inbox/a.go", "~/topology"), []string{"views/inbox/a.go:3: imports topology"}},
		{"a suite that stores run", one("views/redis/a_test.go", "~/views/storetest"), nil},
		{"a suite in the store itself", one("views/redis/a.go", "~/views/storetest"), []string{"views/redis/a.go:3: imports views/storetest"}},
		{"a suite of its own below a room", one("topology/wire/othertest/a.go", "~/topology", "~/topology/wire", "github.com/lovoo/goka"), nil},
		{"such a suite knows no more than its room", one("topology/wire/othertest/a.go", "~/processors"), []string{"topology/wire/othertest/a.go:3: receives machines as values"}},
		{"a machine's test imports transcripts", one("processors/inbox/a_test.go", "~/processors/transcript"), nil},
		{"a machine imports transcripts", one("processors/inbox/a.go", "~/processors/transcript"), []string{"processors/inbox/a.go:3: a machine knows the schema"}},
		{"a carrier imports the session", one("gateways/websocket/a.go", "~/gateways/session"), nil},
		{"a carrier imports a carrier", one("gateways/websocket/a.go", "~/gateways/http"), []string{"gateways/websocket/a.go:3: a carrier knows the schema"}},
		{"the session imports a carrier", one("gateways/session/a.go", "~/gateways/http"), []string{"gateways/session/a.go:3: neither sockets nor the rest"}},

		{"goka outside of the wire", one("processors/a.go", "github.com/lovoo/goka"), []string{"processors/a.go:3: only topology/wire may"}},
		{"sarama's mocks outside of the wire", one("views/a.go", "github.com/IBM/sarama/mocks"), []string{"views/a.go:3: only topology/wire may"}},
		{"goka in a test outside of the wire", one("views/a_test.go", "github.com/lovoo/goka"), []string{"views/a_test.go:3: only topology/wire may"}},
		{"goka in the wire", one("topology/wire/a.go", "github.com/lovoo/goka", "github.com/IBM/sarama"), nil},
		{"a module that begins like goka", one("views/a.go", "github.com/lovoo/gokart"), nil},

		{"code imports a test", one("deploy/a.go", "~/test/servers"), []string{"deploy/a.go:3: production code must build without them"}},
		{"cmd imports a test", one("cmd/parley/a.go", "~/test/walk"), []string{"cmd/parley/a.go:3: production code must build without them"}},
		{"a test imports a test", one("deploy/a_test.go", "~/test/servers"), nil},
		{"run imports the halls", one("cmd/parley/run/a.go", "~/views", "~/gateways", "~/processors", "~/topology/wire"), nil},
		{"run imports a machine", one("cmd/parley/run/a.go", "~/processors/inbox"), []string{"cmd/parley/run/a.go:3: machines are reached through their hall"}},
		{"a command imports the wire", one("cmd/parley/a.go", "~/cmd/parley/run", "~/topology/wire"), []string{"cmd/parley/a.go:4: a command is flags, help and a call"}},
		{"verify imports gateways", one("cmd/parley/verify/a.go", "~/gateways"), []string{"cmd/parley/verify/a.go:3: it knows no gateway"}},
		{"a command imports another", one("cmd/parley/explain/a.go", "~/cmd/parley/replay", "~/cmd/parley/verify"), []string{"cmd/parley/explain/a.go:4: imports cmd/parley/verify"}},
		{"settings import a command", one("cmd/parley/settings/a.go", "~/cmd/parley/run"), []string{"cmd/parley/settings/a.go:3: imports cmd/parley/run"}},
		{"a command that has no room", one("cmd/parley/repair/a.go"), []string{`cmd/parley/repair/a.go:1: the folder "cmd/parley/repair" has no room`}},
	}, Imports)
}

func TestOrderOfRoomsBroken(t *testing.T) {
	defer func(before []room) { rooms = before }(rooms)
	rooms = []room{{"a", []string{"b"}, ""}, {"b", []string{"a"}, ""}}
	hold(t, []sample{
		{"downward", one("b/x.go", "~/a"), nil},
		{"upward", one("a/x.go", "~/b"), []string{"a/x.go:3: imports b, whose room stands below its own"}},
		{"upward in a test", one("a/x_test.go", "~/b"), nil},
	}, Imports)
}

func TestPurityBroken(t *testing.T) {
	exports, err := Compile(root, "maps", "slices", "sort", "time")
	require.NoError(t, err)
	file := func(body string) map[string]string {
		return map[string]string{"processors/inbox/a.go": "package inbox\n" + body}
	}
	const ranges, keys = "processors/inbox/a.go:3: ranges over a map", "processors/inbox/a.go:3: sort them at once"
	hold(t, []sample{
		{"a map", file("func f(m map[string]int) {\n\tfor range m {\n\t}\n}"), []string{ranges}},
		{"a named map", file("type table map[string]int; func f(m table) {\n\tfor range m {\n\t}\n}"), []string{ranges}},
		{"a map in a field of a result", file("type r struct{ m map[int]int }; func g() r { return r{} }; func f() {\n\tfor range g().m {\n\t}\n}"), []string{ranges}},
		{"a slice", file("func f(s []int) {\n\tfor range s {\n\t}\n}"), nil},
		{"a number", file("func f() {\n\tfor range 3 {\n\t}\n}"), nil},
		{"excused", file("func f(m map[string]int) {\n\tfor range m { //laws:ordered a sum has no order\n\t}\n}"), nil},
		{"excused above", file("func f(m map[string]int) {\n\t//laws:ordered a sum has no order\n\tfor range m {\n\t}\n}"), nil},
		{"excused without a reason", file("func f(m map[string]int) {\n\tfor range m { //laws:ordered \n\t}\n}"), []string{ranges}},
		{"excused elsewhere", file("func f(m map[string]int) {\n\tfor range m {\n\t}\n\t//laws:ordered too late\n}"), []string{ranges}},
		{"keys in any order", file("import \"maps\"; func f(m map[string]int) {\n\tfor range maps.Keys(m) {\n\t}\n}"), []string{keys}},
		{"values collected", file("import (\"maps\"; \"slices\"); func f(m map[string]int) []int {\n\treturn slices.Collect(maps.Values(m))\n}"), []string{keys}},
		{"keys sorted", file("import (\"maps\"; \"slices\"); func f(m map[string]int) {\n\tfor range slices.Sorted(maps.Keys(m)) {\n\t}\n}"), nil},
		{"the clock", file("import \"time\"; func f() time.Time {\n\treturn time.Now()\n}"), []string{"processors/inbox/a.go:3: uses time.Now"}},
		{"the clock by another name", file("import x \"time\"; var f = \n\tx.Since"), []string{"processors/inbox/a.go:3: uses time.Since"}},
		{"time's types", file("import \"time\"; func f(t time.Time) bool {\n\treturn t.After(t.Add(time.Second))\n}"), nil},
		{"a goroutine", file("func f() {\n\tgo f()\n}"), []string{"processors/inbox/a.go:3: uses goroutines"}},
		{"a select", file("func f(c chan int) {\n\tselect {\n\tcase <-c:\n\tdefault:\n\t}\n}"), []string{"processors/inbox/a.go:3: uses goroutines"}},
		{"a test", map[string]string{"processors/inbox/a_test.go": "package inbox\nfunc f(m map[string]int) {\n\tfor range m {\n\t}\n}"}, nil},
		{"another folder", map[string]string{"views/a.go": "package views\nfunc f(m map[string]int) {\n\tfor range m {\n\t}\n}"}, nil},
	}, func(tree *Tree) []Violation {
		found, err := Purity(tree, "processors", exports)
		require.NoError(t, err)
		return found
	})
}

func TestTopicNamesBroken(t *testing.T) {
	hold(t, []sample{
		{"in the middle of code", map[string]string{"views/a.go": "package views\nvar a = f(\n\"inbox.events\")"}, []string{"views/a.go:3: written in the middle of code"}},
		{"dead letters", map[string]string{"views/a.go": "package views\nvar a = \"dead.letters\""}, []string{"views/a.go:2: written in the middle of code"}},
		{"as a constant", map[string]string{"views/a.go": "package views\nconst a = \"inbox.events\""}, nil},
		{"as part of a constant", map[string]string{"views/a.go": "package views\nconst a = \"x\" + \"inbox.events\""}, []string{"views/a.go:2: written in the middle"}},
		{"as two constants", map[string]string{"gateways/a.go": "package gateways\nconst a = \"inbox.events\"", "views/a.go": "package views\nconst a = \"inbox.events\""},
			[]string{"views/a.go:2: written twice, first at gateways/a.go:2"}},
		{"that the plan does not have", map[string]string{"views/a.go": "package views\nconst a = \"inbox-2.events\""}, []string{"views/a.go:2: the plan has no topic of that name"}},
		{"built", map[string]string{"views/a.go": "package views\nvar a = b + \".events\""}, []string{"views/a.go:2: builds a topic's name"}},
		{"in the plan", map[string]string{"topology/a.go": "package topology\nvar a = \"inbox.events\""}, nil},
		{"in a test", map[string]string{"views/a_test.go": "package views\nvar a = \"inbox.events\""}, nil},
		{"under test", map[string]string{"test/walk/a.go": "package walk\nvar a = \"inbox.events\""}, nil},
		{"in a suite of tests", map[string]string{"topology/wire/othertest/a.go": "package wiretest\nvar a = \"counter.events\""}, nil},
		{"in a sentence", map[string]string{"views/a.go": "package views\nvar a = \"inbox.events is late\""}, nil},
	}, func(tree *Tree) []Violation { return TopicNames(tree, topology.House()) })
}

func TestLengthsBroken(t *testing.T) {
	lines := func(n int) string { return strings.Repeat("\n", n) }
	hold(t, []sample{
		{"a function of 71 lines", map[string]string{"a.go": "package a\nfunc long() {" + lines(70) + "}"}, []string{"a.go:2: long has 71 lines"}},
		{"a function of 70 lines", map[string]string{"a.go": "package a\nfunc long() {" + lines(69) + "}"}, nil},
		{"a method of 71 lines", map[string]string{"a.go": "package a\ntype t int\nfunc (t) long() {" + lines(70) + "}"}, []string{"a.go:3: long has 71 lines"}},
		{"a test of 71 lines", map[string]string{"a_test.go": "package a\nfunc long() {" + lines(70) + "}"}, []string{"a_test.go:2: long has 71 lines"}},
		{"a test with a long table", map[string]string{"a_test.go": "package a\nfunc long() {\n_ = []int{" + lines(200) + "}\n}"}, nil},
		{"code with a long table", map[string]string{"a.go": "package a\nfunc long() {\n_ = []int{" + lines(200) + "}\n}"}, []string{"a.go:2: long has 203 lines"}},
		{"a file of 501 lines", map[string]string{"a.go": "package a" + lines(501)}, []string{"a.go:500: the file has 501 lines"}},
		{"a file of 500 lines", map[string]string{"a.go": "package a" + lines(500)}, nil},
		{"a generated file", map[string]string{"a.go": "// Code generated by hand. DO NOT EDIT.\n\npackage a" + lines(600)}, nil},
	}, Lengths)
}

func TestFirstCommentsBroken(t *testing.T) {
	hold(t, []sample{
		{"none", map[string]string{"a.go": "package a\n"}, []string{"a.go:1: must begin with a comment"}},
		{"below", map[string]string{"a.go": "package a\n\n// This comes too late to be seen first."}, []string{"a.go:1: must begin with a comment"}},
		{"a word", map[string]string{"a.go": "// a.\n\npackage a\n"}, []string{"a.go:3: must begin with a comment"}},
		{"only an order to the compiler", map[string]string{"a.go": "//go:build linux && amd64 && !windows\n\npackage a\n"}, []string{"a.go:3: must begin with a comment"}},
		{"a sentence", map[string]string{"a.go": "// This file is an example of a file.\n\npackage a\n"}, nil},
		{"a package's comment", map[string]string{"a.go": "// Package a is an example of a package.\npackage a\n"}, nil},
		{"a generated file", map[string]string{"a.go": "// Code generated by x. DO NOT EDIT.\npackage a\n"}, nil},
	}, FirstComments)
}

func TestNamesBroken(t *testing.T) {
	hold(t, []sample{
		{"a file", map[string]string{"views/utils.go": "package views"}, []string{`views/utils.go:1: "utils.go" fits any content`}},
		{"its test", map[string]string{"views/helpers_test.go": "package views"}, []string{`views/helpers_test.go:1: "helpers_test.go" fits any content`}},
		{"a folder", map[string]string{"common/a.md": ""}, []string{`common/a.md:1: "common" fits any content`}},
		{"a page", map[string]string{"clients/web/types.ts": ""}, []string{`clients/web/types.ts:1: "types.ts" fits any content`}},
		{"a thing", map[string]string{"views/typeset.go": "package views"}, nil},
	}, Names)
}

func TestWordsBroken(t *testing.T) {
	slash := "/" // so that this file does not break the law itself
	hold(t, []sample{
		{"a path of a machine", map[string]string{"README.md": "one\nsee " + slash + "work/main"}, []string{"README.md:2: path of somebody's machine"}},
		{"a temporary path", map[string]string{"Makefile": "log=" + slash + "tmp/x"}, []string{"Makefile:1: path of somebody's machine"}},
		{"a home", map[string]string{"a.md": slash + "home/ann"}, []string{"a.md:1: path of somebody's machine"}},
		{"a path below", map[string]string{"a.md": "./test/work/x and $DIR/tmp/x and ${DIR}/tmp/x and user/home/conversation"}, nil},
		{"a registry", map[string]string{"package-lock.json": "https://registry.npmjs" + ".org/x"}, []string{"package-lock.json:1: a registry's host"}},
		{"a time of writing", map[string]string{"README.md": "made in this" + " session"}, []string{"README.md:1: not when it was written"}},
		{"a session of a client", map[string]string{"gateways/session/a.md": "the marks of this" + " session"}, nil},
		{"who built it", map[string]string{"a.md": "as a language" + " model"}, []string{"a.md:1: not who wrote it"}},
	}, Words)
}

func TestDocumentsBroken(t *testing.T) {
	documents := func(tree *Tree) []Violation {
		return Documents(tree, func(path string) bool { return path == "docs/there.md" })
	}
	hold(t, []sample{
		{"a link to nothing", map[string]string{"docs/a.md": "one\n[x](gone.md)"}, []string{"docs/a.md:2: the link to gone.md leads to nothing"}},
		{"a link from another folder", map[string]string{"README.md": "[x](there.md)"}, []string{"README.md:1: the link to there.md leads to nothing"}},
		{"links that lead somewhere", map[string]string{"docs/a.md": "[x](there.md#part) [y](../docs/there.md) [z](#part) [w](https://example.org/x)"}, nil},
		{"a long README", map[string]string{"README.md": strings.Repeat("line\n", maxReadmeLines+1)}, []string{"README.md:120: the README has 121 lines"}},
		{"another long page", map[string]string{"docs/a.md": strings.Repeat("line\n", maxReadmeLines+1)}, nil},
	}, documents)
}

func TestGlossaryBroken(t *testing.T) {
	glossary := func(tree *Tree) []Violation { return Glossary(tree, []string{"inbox"}) }
	page := func(rows string) map[string]string {
		return map[string]string{"ARCHITECTURE.md": "| inbox | elsewhere |\n\n## Glossary\n\n" + rows}
	}
	hold(t, []sample{
		{"a word that is missing", page("| head | newest number |\n"), []string{`ARCHITECTURE.md:1: the glossary lacks "inbox"`}},
		{"a word twice", page("| inbox / head | a stream |\n| head | newest |\n"), []string{`ARCHITECTURE.md:1: the glossary explains "head" twice`}},
		{"all once", page("| inbox / head | a stream |\n"), nil},
	}, glossary)
}

func TestPackageSizesBroken(t *testing.T) {
	folder := func(n int, comment string) map[string]string {
		files := map[string]string{"views/doc.go": comment + "package views\n"}
		for i := range n - 1 {
			files[fmt.Sprintf("views/f%02d.go", i)] = "package views\n"
		}
		return files
	}
	hold(t, []sample{
		{"as many as may be", folder(maxPackageFiles, ""), nil},
		{"one more", folder(maxPackageFiles+1, ""), []string{"views/doc.go:1: the package has 21 files, more than 20"}},
		{"one more, and why", folder(maxPackageFiles+1, "// Package views is large. It has more than twenty files because\n// each is small.\n"), nil},
	}, PackageSizes)
}
