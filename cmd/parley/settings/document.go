// The documentation of the settings, taken from the struct's tags.

package settings

import (
	"fmt"
	"reflect"
	"strings"
)

// Setting describes one setting.
type Setting struct {
	Name    string `json:"name"`
	Env     string `json:"env"`
	Default string `json:"default"`
	Doc     string `json:"doc"`
}

// Documented lists every setting, in the order of the struct.
func Documented() []Setting {
	v := reflect.ValueOf(Default())
	var all []Setting
	for i := range v.NumField() {
		tag := v.Type().Field(i).Tag
		name := tag.Get("koanf")
		all = append(all, Setting{
			Name:    name,
			Env:     envPrefix + strings.ToUpper(strings.ReplaceAll(name, "-", "_")),
			Default: fmt.Sprint(v.Field(i).Interface()),
			Doc:     tag.Get("doc"),
		})
	}
	return all
}
