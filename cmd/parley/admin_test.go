// The operators' door shows where a process spends its time only when it is told to.

package main

import (
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestProfilesAreAskedFor(t *testing.T) {
	require.Zero(t, runtime.SetMutexProfileFraction(-1), "nobody asked yet")
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
		s := defaults()
		s.Profile = c.profile
		w := httptest.NewRecorder()
		adminDoor(s, newReadiness(), newRegistry()).ServeHTTP(w, httptest.NewRequest(http.MethodGet, c.path, nil))
		require.Equal(t, c.want, w.Code, "%s with profile=%t", c.path, c.profile)
	}
	require.Equal(t, locksLooked, runtime.SetMutexProfileFraction(-1), "mutex would say nothing")
}
