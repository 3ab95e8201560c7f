// A CPU profile of each process while it is measured, as a file for `go tool pprof`.

package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"
)

// profiles asks every process at once.
func (h *house) profiles(dir string, measured time.Duration) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	seconds := max(1, int(measured.Seconds())-1) // it ends before the measured time does
	g := errgroup.Group{}
	for name, admin := range h.admins {
		g.Go(func() error {
			answer, err := http.Get(fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", admin, seconds))
			if err != nil {
				return err
			}
			defer answer.Body.Close()
			if answer.StatusCode != http.StatusOK {
				return fmt.Errorf("the profile of %s: %s", name, answer.Status)
			}
			f, err := os.Create(filepath.Join(dir, name+".pprof"))
			if err != nil {
				return err
			}
			if _, err := io.Copy(f, answer.Body); err != nil {
				_ = f.Close()
				return err
			}
			return f.Close()
		})
	}
	return g.Wait()
}
