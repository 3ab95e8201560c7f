// The address at which the page of a development deployment finds its users.

package seed

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/parley-im/parley/cmd/parley/settings"
	"github.com/parley-im/parley/cmd/parley/tokens"
)

// People lists the first users with tokens. It must be served in development only.
func People(s settings.Settings) http.HandlerFunc {
	type person struct {
		User  string `json:"user"`
		Name  string `json:"name"`
		Token string `json:"token"`
	}
	return func(w http.ResponseWriter, _ *http.Request) {
		var all []person
		var failed error
		for _, p := range users {
			token, err := tokens.Mint(s, p.user, tokens.Lifetime)
			failed = errors.Join(failed, err)
			all = append(all, person{p.user, p.name, token})
		}
		if failed != nil {
			http.Error(w, failed.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		_ = json.NewEncoder(w).Encode(all)
	}
}
