// parley verify without --follow: up to the end that the log has now.

package verify

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/parley-im/parley/cmd/parley/output"
	"github.com/parley-im/parley/cmd/parley/settings"
)

// endTimeout is how long no record may come before the end of the log is given up.
const endTimeout = 30 * time.Second

func once(ctx context.Context, s settings.Settings, log *slog.Logger, out io.Writer, o Options) (err error) {
	began := time.Now()
	e, err := newEngine(ctx, s, log, o, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.close()) }()
	bar := output.NewBar("verify")
	working, stop := context.WithCancel(ctx)
	defer stop()
	g, working := errgroup.WithContext(working)
	g.Go(func() error { return e.follow(working) })
	g.Go(func() error { return e.keepSaving(working) })
	g.Go(func() error {
		defer stop()
		return e.settle(working, endTimeout, bar.Set)
	})
	failed := g.Wait()
	bar.Done()
	if failed != nil {
		return failed
	}
	v := e.verdict(time.Since(began))
	if err := output.Print(out, o.Output, v, v.print); err != nil {
		return err
	}
	return violated(v.Counts.Total())
}
