// parley explain: what became of a command, step by step.

package main

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/parley-im/parley/cmd/parley/explain"
	"github.com/parley-im/parley/cmd/parley/output"
	"github.com/parley-im/parley/cmd/parley/settings"
	"github.com/parley-im/parley/topology"
)

func explainCommand() *cobra.Command {
	var path, correlation, format string
	c := &cobra.Command{
		Use:   "explain USER/DEVICE/CLIENT_SEQ | TOPIC/PARTITION@OFFSET",
		Short: "Trace a command: each step with its group, rows and decision, and what the views hold now",
		Long: `Trace a command, or any record: which group consumed it, the row before and after, what it decided, where each record that it
produced stands in the log, and so on to the inboxes of its recipients, and what the views hold of it now. Times are the
brokers'. Everything is folded again from the log. Sealed contents stay sealed.`,
		Example: `  parley explain ann/phone/17
  parley explain conversation.commands/3@120 --output json
  parley explain --correlation 0198f2a4-3c1e-7000-8000-000000000001`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 && correlation == "" || len(args) > 0 && correlation != "" {
				return errors.New("name one command as USER/DEVICE/CLIENT_SEQ, one record as TOPIC/PARTITION@OFFSET, or --correlation ID")
			}
			return nil
		},
		ValidArgsFunction: completeRecord,
		RunE: func(c *cobra.Command, args []string) error {
			s, err := settings.Load(path)
			if err != nil {
				return err
			}
			story, err := explain.Explain(c.Context(), s, strings.Join(args, ""), correlation)
			if err != nil {
				return err
			}
			return output.Print(c.OutOrStdout(), format, story, story.Print)
		},
	}
	settingsFlag(c, &path)
	outputFlag(c, &format)
	c.Flags().StringVar(&correlation, "correlation", "", "id of the command, as in the header "+topology.HeaderCorrelation+" of all records that came of it")
	return c
}

// completeRecord completes the topic of TOPIC/PARTITION@OFFSET.
func completeRecord(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var topics []string
	for _, name := range topicNames() {
		topics = append(topics, name+"/")
	}
	return topics, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}
