// Profiles of each process while it is measured, as files for `go tool pprof`: what uses its CPU, what allocates, who waits for
// locks, and who waits for anything (off CPU).

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"
)

// kindsOfProfile are their names in a file's, and net/http/pprof's.
var kindsOfProfile = map[string]string{"cpu": "profile", "allocs": "allocs", "mutex": "mutex", "waits": "block"}

// profiles asks every process at once.
func (h *house) profiles(dir string, measured time.Duration) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	seconds := max(1, int(measured.Seconds())-1) // they end before the measured time does
	g := errgroup.Group{}
	for name, admin := range h.admins {
		for kind, path := range kindsOfProfile {
			g.Go(func() error {
				profile, err := get(fmt.Sprintf("http://%s/debug/pprof/%s?seconds=%d", admin, path, seconds))
				if err != nil {
					return fmt.Errorf("the profile %s of %s: %w", kind, name, err)
				}
				return os.WriteFile(filepath.Join(dir, name+"-"+kind+".pprof"), profile, 0o644)
			})
		}
	}
	return g.Wait()
}
