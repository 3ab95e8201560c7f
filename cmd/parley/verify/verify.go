// Package verify folds the log again and compares it with itself, and the views with the log. It feeds the auditor of
// processors/audit with the records of every topic and keeps its memory in a folder.
package verify

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/parley-im/parley/cmd/parley/kafka"
	"github.com/parley-im/parley/cmd/parley/output"
	"github.com/parley-im/parley/cmd/parley/settings"
)

// Options are the flags of parley verify.
type Options struct {
	Follow, Views, Replay bool
	FromStart, FailFast   bool
	State, Admin, Output  string

	Every       time.Duration // between two progress lines of --follow; 0 = none
	SampleEvery time.Duration // between two samples of views; 0 = none
	Seed        uint64        // of the choice of samples
}

// Run verifies as the options say. The error is an output.ExitError when something is violated.
func Run(ctx context.Context, s settings.Settings, out io.Writer, o Options) error {
	s, err := kafka.WithPartitions(ctx, s)
	if err != nil {
		return err
	}
	if o.Admin != "" {
		s.Admin = o.Admin
	}
	if o.State == "" {
		o.State = s.Dir("audit")
	}
	log, err := s.Logger()
	if err != nil {
		return err
	}
	switch {
	case (o.Views || o.Replay) && o.Follow:
		return errors.New("--views and --replay compare once: leave --follow out")
	case o.Replay:
		return replayAll(ctx, s, log, out, o.Output)
	case o.Views:
		return compareOnce(ctx, s, log, out, o.Output)
	case o.Follow:
		return follow(ctx, s, log, out, o)
	}
	return once(ctx, s, log, out, o)
}

// violated is the error for a number of violations.
func violated(n int64) error {
	if n == 0 {
		return nil
	}
	return output.Failedf("%d violations", n)
}
