// parley verify: the log is folded again and compared with itself, and the views with the log.

package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/parley-im/parley/cmd/parley/settings"
	"github.com/parley-im/parley/cmd/parley/verify"
)

const verifyLong = `Fold the log again, with the machines that the processors run, and compare: each output of each group is in the log once, as the
fold produces it and in its order; repeats are the same bytes; numbers are dense; each command of a device has one outcome; each
event of a conversation reached the inbox of each of its members once; the changelogs hold the rows of the fold.

It reads what it has not read yet, up to the end of the log, and remembers that in a folder. Violations are remembered too,
because the log does not change. Nothing is repaired. Where retention has deleted the beginning of the log, it begins with what
is there, takes the rows of that time from the changelogs, and lists what it cannot prove.

With --follow it keeps running: it prints the offsets and the time up to which everything is verified, a line for each
violation, compares users and conversations of the live views with the log, one after the other, and serves metrics. With
--output json each line is an object: progress has "verified_until", a violation has "law", a difference of a view has "view".

With --views the views are folded again and compared with what Redis and the documents hold, every key. With --replay the tables
are folded from the log's beginning too, and every row is compared with the changelogs, byte for byte; the rate is printed.
Exit codes: 0 nothing is violated, 2 something is violated, 1 the check could not run.`

func verifyCommand() *cobra.Command {
	var path string
	var o verify.Options
	c := &cobra.Command{
		Use:   "verify",
		Short: "Fold the log again and report everything in it that differs from the fold; exit 2 when something does",
		Long:  verifyLong,
		Example: `  parley verify                          # once, up to the end of the log; for CI
  parley verify --follow --fail-fast     # until something is violated
  parley verify --views --output json
  parley verify --replay                 # everything from offset 0 into empty tables and views`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			s, err := settings.Load(path)
			if err != nil {
				return err
			}
			return verify.Run(c.Context(), s, c.OutOrStdout(), o)
		},
	}
	settingsFlag(c, &path)
	outputFlag(c, &o.Output)
	c.Flags().BoolVar(&o.Follow, "follow", false, "keep running: verify new records, print each violation, serve metrics")
	c.Flags().BoolVar(&o.Views, "views", false, "compare the views with the log instead")
	c.Flags().BoolVar(&o.Replay, "replay", false, "fold everything from the beginning into empty tables and views instead, and compare both")
	c.Flags().BoolVar(&o.FailFast, "fail-fast", false, "end --follow at the first violation, with exit code 2")
	c.Flags().DurationVar(&o.Every, "every", 10*time.Second, "how often --follow prints its progress; 0 = never")
	c.Flags().DurationVar(&o.SampleEvery, "sample-every", time.Second, "how often --follow compares a user or conversation of a live view; 0 = never")
	c.Flags().Uint64Var(&o.Seed, "seed", 1, "seed of the random choice of samples, for a new --state")
	c.Flags().BoolVar(&o.FromStart, "from-start", false, "forget what was verified before")
	c.Flags().StringVar(&o.State, "state", "", "folder that remembers what is verified (default: audit under the data folder)")
	c.Flags().StringVar(&o.Admin, "admin", "", "address for /readyz and /metrics of --follow (default: the setting)")
	_ = c.MarkFlagDirname("state")
	return c
}
