// The laws over the repository as it is.

package laws

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	_ "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/topology"
)

// root is the repository, seen from this folder.
const root = "../.."

var repository = sync.OnceValues(func() (*Tree, error) { return Load(root) })

// none fails with every violation, one a line.
func none(t *testing.T, found []Violation) {
	t.Helper()
	for _, v := range found {
		t.Errorf("%s", v)
	}
}

func TestRepository(t *testing.T) {
	tree, err := repository()
	require.NoError(t, err)
	require.Greater(t, len(tree.written()), 50, "the tree is empty")
	t.Run("imports", func(t *testing.T) { none(t, Imports(tree)) })
	t.Run("topic names", func(t *testing.T) { none(t, TopicNames(tree, topology.House())) })
	t.Run("lengths", func(t *testing.T) { none(t, Lengths(tree)) })
	t.Run("package sizes", func(t *testing.T) { none(t, PackageSizes(tree)) })
	t.Run("first comments", func(t *testing.T) { none(t, FirstComments(tree)) })
	t.Run("names", func(t *testing.T) { none(t, Names(tree)) })
	t.Run("words", func(t *testing.T) { none(t, Words(tree)) })
	t.Run("documents", func(t *testing.T) {
		none(t, Documents(tree, func(path string) bool { _, err := os.Stat(filepath.Join(root, path)); return err == nil }))
	})
	t.Run("glossary", func(t *testing.T) {
		none(t, Glossary(tree, planned(topology.House())))
	})
	t.Run("purity", func(t *testing.T) {
		folders := []string{"processors", "schemas/effect", "schemas/canonical", "gateways/translate", wireLaw}
		exports, err := Compile(root, "./processors/...", "./schemas/effect", "./schemas/canonical", "./gateways/translate", "./"+wireLaw, "maps", "slices", "time")
		require.NoError(t, err)
		for _, folder := range folders {
			found, err := Purity(tree, folder, exports)
			require.NoError(t, err)
			none(t, found)
		}
	})
}

// planned are the names that the plan gives to parts of the deployment.
func planned(p topology.Plan) (words []string) {
	for _, g := range p.Groups {
		words = append(words, g.Name)
	}
	for _, v := range p.Views {
		words = append(words, v.Name)
	}
	for _, g := range p.Gateways {
		words = append(words, g.Name)
	}
	return words
}

// The plan's own laws, such as: one group alone writes each event topic.
func TestPlan(t *testing.T) {
	require.NoError(t, topology.House().Check())
}

// Every envelope and every row of the plan is a message of the schema.
func TestPlanUsesTheSchema(t *testing.T) {
	find := func(message string) (protoreflect.MessageDescriptor, error) {
		d, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName("parley.v1." + message))
		if err != nil {
			return nil, err
		}
		return d.(protoreflect.MessageDescriptor), nil
	}
	p := topology.House()
	for _, topic := range p.Topics {
		_, err := find(topic.Envelope)
		require.NoError(t, err, "topic %s has the envelope %s, which no .proto file defines", topic.Name, topic.Envelope)
	}
	row, err := find("Row")
	require.NoError(t, err)
	for _, g := range p.Groups {
		state, err := find(g.State)
		require.NoError(t, err, "group %s keeps the state %s, which no .proto file defines", g.Name, g.State)
		found := false
		for i := range row.Fields().Len() {
			field := row.Fields().Get(i)
			found = found || field.Message() != nil && field.Message().FullName() == state.FullName()
		}
		require.True(t, found, "Row has no field of %s, the state of group %s", g.State, g.Name)
	}
}

// Every group of the plan has the folder of its machine.
func TestEveryGroupHasAFolder(t *testing.T) {
	tree, err := repository()
	require.NoError(t, err)
	folders := map[string]bool{}
	for _, f := range tree.written() {
		if name, ok := strings.CutPrefix(f.Folder(), "processors/"); ok {
			folders[name] = true
		}
	}
	for _, g := range topology.House().Groups {
		require.True(t, folders[g.Name], "the group %s has no folder processors/%s", g.Name, g.Name)
	}
}
