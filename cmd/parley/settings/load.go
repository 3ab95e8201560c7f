// Reading the settings of a process: defaults, then the file, then the environment.

package settings

import (
	"fmt"
	"strings"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/providers/structs"
	"github.com/knadh/koanf/v2"
)

const envPrefix = "PARLEY_"

// FileVariable names the settings file in the environment; a flag wins over it.
const FileVariable = envPrefix + "SETTINGS"

// Load reads defaults, then the file (if named), then the environment; the last one wins. An unknown name in the file is an
// error.
func Load(path string) (Settings, error) {
	k := koanf.New(".")
	if err := k.Load(structs.Provider(Default(), "koanf"), nil); err != nil {
		return Settings{}, err
	}
	known := map[string]bool{}
	for _, name := range k.Keys() {
		known[name] = true
	}
	if path != "" {
		if err := k.Load(file.Provider(path), yaml.Parser()); err != nil {
			return Settings{}, fmt.Errorf("settings file %s: %w", path, err)
		}
	}
	fromEnv := env.Provider(".", env.Opt{Prefix: envPrefix, TransformFunc: func(name, value string) (string, any) {
		setting := strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(name, envPrefix)), "_", "-")
		if !known[setting] {
			return "", nil // PARLEY_REAL and the like are for tests
		}
		return setting, value
	}})
	if err := k.Load(fromEnv, nil); err != nil {
		return Settings{}, err
	}
	for _, name := range k.Keys() {
		if !known[name] {
			return Settings{}, fmt.Errorf("settings file %s: no setting is called %q; `parley settings` lists them", path, name)
		}
	}
	var s Settings
	return s, k.Unmarshal("", &s)
}
