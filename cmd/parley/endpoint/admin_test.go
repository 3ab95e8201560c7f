// The admin address serves profiles only when a setting says so.

package endpoint

import (
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/parley-im/parley/cmd/parley/settings"
)

func TestProfilesAreOffByDefault(t *testing.T) {
	require.Zero(t, runtime.SetMutexProfileFraction(-1), "off by default")
	t.Cleanup(func() { runtime.SetMutexProfileFraction(0); runtime.SetBlockProfileRate(0) })
	for _, c := range []struct {
		profile bool
		path    string
		want    int
	}{
		{false, "/debug/pprof/", http.StatusNotFound},
		{false, "/debug/pprof/profile", http.StatusNotFound},
		{true, "/debug/pprof/", http.StatusOK},
		{true, "/debug/pprof/heap", http.StatusOK},
		{true, "/debug/pprof/cmdline", http.StatusNotFound},
		{false, "/livez", http.StatusOK},
	} {
		s := settings.Default()
		s.Profile = c.profile
		w := httptest.NewRecorder()
		adminHandler(s, NewReadiness(), NewRegistry()).ServeHTTP(w, httptest.NewRequest(http.MethodGet, c.path, nil))
		require.Equal(t, c.want, w.Code, "%s with profile=%t", c.path, c.profile)
	}
	require.Equal(t, mutexFraction, runtime.SetMutexProfileFraction(-1), "the mutex profile would be empty")
}
