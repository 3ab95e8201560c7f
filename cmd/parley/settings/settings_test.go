// The settings are documented from their struct; the file is read strictly, and the environment wins.

package settings

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
	for _, s := range Documented() {
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
	t.Setenv("PARLEY_REAL", "off") // for tests, not a setting
	s, err := Load(path)
	require.NoError(t, err)
	require.Equal(t, []string{"c:4"}, List(s.Brokers), "the environment wins over the file")
	require.Equal(t, "r:3", s.Redis)
	require.Equal(t, 7*time.Second, s.Session)
	require.True(t, s.Standby)
	require.Equal(t, Default().HTTP, s.HTTP, "the default stays")
	require.Equal(t, topology.House().CommandRate, s.Plan().CommandRate)
	require.Equal(t, topology.House().FanOut, s.Plan().FanOut)
	require.Equal(t, door.Limits{}.OrDefaults().FramesPerConnection, s.Limits().FramesPerConnection)
	t.Setenv("PARLEY_COMMANDS_PER_PERSON", "7")
	t.Setenv("PARLEY_FAN_OUT", "128")
	t.Setenv("PARLEY_FRAMES_PER_CONNECTION", "0.5")
	s, err = Load(path)
	require.NoError(t, err)
	require.Equal(t, 7, s.Plan().CommandRate)
	require.Equal(t, 128, s.Plan().FanOut)
	require.Equal(t, 0.5, s.Limits().FramesPerConnection)

	require.NoError(t, os.WriteFile(path, []byte("brokres: a:1\n"), 0o600))
	_, err = Load(path)
	require.ErrorContains(t, err, `no setting is called "brokres"`)
	_, err = Load(path + ".missing")
	require.ErrorContains(t, err, path)
}
