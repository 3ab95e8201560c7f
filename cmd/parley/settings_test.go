// Settings are documented from their struct; the file is read strictly and the environment wins.

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parley-im/parley/gateways/door"
	"github.com/parley-im/parley/topology"
)

func TestEverySettingIsDocumented(t *testing.T) {
	for _, s := range documented() {
		require.NotEmpty(t, s.Name)
		require.NotEmpty(t, s.Doc, s.Name)
		require.Equal(t, strings.ToLower(s.Name), s.Name)
	}
}

func TestLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "parley.yaml")
	require.NoError(t, os.WriteFile(path, []byte("brokers: a:1,b:2\nsession-timeout: 7s\nhot-standby: true\n"), 0o600))
	t.Setenv("PARLEY_REDIS", "r:3")
	t.Setenv("PARLEY_BROKERS", "c:4")
	t.Setenv("PARLEY_REAL", "off") // belongs to the tests, not to the settings
	s, err := load(path)
	require.NoError(t, err)
	require.Equal(t, []string{"c:4"}, split(s.Brokers), "the environment wins over the file")
	require.Equal(t, "r:3", s.Redis)
	require.Equal(t, 7*time.Second, s.Session)
	require.True(t, s.Standby)
	require.Equal(t, defaults().HTTP, s.HTTP, "what nobody sets has its default")
	require.Equal(t, topology.House().CommandRate, s.plan().CommandRate)
	require.Equal(t, topology.House().FanOut, s.plan().FanOut)
	require.Equal(t, door.Limits{}.OrDefaults().FramesPerConnection, s.limits().FramesPerConnection)
	t.Setenv("PARLEY_COMMANDS_PER_PERSON", "7")
	t.Setenv("PARLEY_FAN_OUT", "128")
	t.Setenv("PARLEY_FRAMES_PER_CONNECTION", "0.5")
	s, err = load(path)
	require.NoError(t, err)
	require.Equal(t, 7, s.plan().CommandRate)
	require.Equal(t, 128, s.plan().FanOut)
	require.Equal(t, 0.5, s.limits().FramesPerConnection)

	require.NoError(t, os.WriteFile(path, []byte("brokres: a:1\n"), 0o600))
	_, err = load(path)
	require.ErrorContains(t, err, `no setting is called "brokres"`)
	_, err = load(path + ".missing")
	require.ErrorContains(t, err, path)
}

func TestChoose(t *testing.T) {
	all, err := choose([]string{"all"})
	require.NoError(t, err)
	require.Len(t, all, len(roles()))
	some, err := choose([]string{"view/", "query", "query"})
	require.NoError(t, err)
	require.Len(t, some, 6)
	_, err = choose([]string{"processor/nothing"})
	require.ErrorContains(t, err, "no role is called")
}
