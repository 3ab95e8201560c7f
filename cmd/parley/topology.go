// parley topology: the plan as text and pictures, its laws, and the topics of a cluster.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/parley-im/parley/cmd/parley/kafka"
	"github.com/parley-im/parley/cmd/parley/output"
	"github.com/parley-im/parley/cmd/parley/settings"
	"github.com/parley-im/parley/deploy"
	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/draw"
)

func topologyCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "topology",
		Short: "Print the plan, check its laws, compare a cluster with it, create its topics",
		Example: `  parley topology print --format mermaid
  parley topology plan
  parley topology apply`,
	}
	c.AddCommand(topologyPrint(), topologyCheck(), topologyPlan(), topologyApply())
	return c
}

func topologyPrint() *cobra.Command {
	var format string
	drawings := map[string]func(topology.Plan) string{
		"text": draw.Text, "markdown": draw.Markdown, "mermaid": draw.Mermaid, "describe": draw.Describe,
		"acls": func(p topology.Plan) string { return deploy.ACLText(deploy.ACLs(p)) },
	}
	formats := []string{"text", "json", "markdown", "mermaid", "describe", "acls"}
	c := &cobra.Command{
		Use:   "print",
		Short: "Print the plan as text, JSON or a picture, as Kafka Streams describes a topology, or as Kafka's ACLs",
		Example: `  parley topology print
  parley topology print --format acls`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if format == "json" {
				b, err := draw.JSON(topology.House())
				if err == nil {
					_, err = fmt.Fprintln(c.OutOrStdout(), string(b))
				}
				return err
			}
			drawing, ok := drawings[format]
			if !ok {
				return fmt.Errorf("--format %s: want one of %s", format, strings.Join(formats, ", "))
			}
			_, err := io.WriteString(c.OutOrStdout(), drawing(topology.House()))
			return err
		},
	}
	c.Flags().StringVar(&format, "format", "text", strings.Join(formats, ", "))
	_ = c.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp))
	return c
}

func topologyCheck() *cobra.Command {
	return &cobra.Command{
		Use:     "check",
		Short:   "Check the laws of the plan; exit 2 when one is broken",
		Example: "  parley topology check",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := topology.House().Check(); err != nil {
				return output.Failed(err)
			}
			_, err := fmt.Fprintln(c.OutOrStdout(), "the plan keeps its laws")
			return err
		},
	}
}

func topologyPlan() *cobra.Command {
	c := onCluster("plan", "Show how a cluster differs from the plan; exit 2 when it does",
		func(ctx context.Context, admin *kadm.Client, s settings.Settings) (deploy.Difference, error) {
			d, err := deploy.Diff(ctx, admin, s.Plan(), s.Deployment())
			if err == nil && d.Drift() {
				err = output.Failed(errors.New("the cluster differs from the plan; parley topology apply creates what is missing"))
			}
			return d, err
		})
	c.Example = `  parley topology plan
  parley topology plan --settings parley.yaml --output json`
	return c
}

func topologyApply() *cobra.Command {
	var allowLoss bool
	c := onCluster("apply", "Create what is missing on a cluster; never deletes, never changes a partition count",
		func(ctx context.Context, admin *kadm.Client, s settings.Settings) (deploy.Difference, error) {
			o := s.Deployment()
			o.AllowLoss = allowLoss
			d, err := deploy.Apply(ctx, admin, s.Plan(), o)
			if errors.Is(err, deploy.ErrRefused) {
				err = output.Failed(err)
			}
			return d, err
		})
	c.Example = `  parley topology apply
  parley topology apply --settings parley.yaml`
	c.Flags().BoolVar(&allowLoss, "allow-loss", false, "also make changes after which Kafka deletes records that it keeps now (a shorter retention)")
	return c
}

// onCluster is a command that does something with a cluster and prints the difference that it found.
func onCluster(use, short string, do func(context.Context, *kadm.Client, settings.Settings) (deploy.Difference, error)) *cobra.Command {
	var path, format string
	c := &cobra.Command{
		Use:   use,
		Short: short,
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			s, err := settings.Load(path)
			if err != nil {
				return err
			}
			admin, err := kafka.Admin(s)
			if err != nil {
				return err
			}
			defer admin.Close()
			d, failed := do(c.Context(), admin, s)
			var check output.ExitError
			if failed != nil && !errors.As(failed, &check) {
				return failed
			}
			err = output.Print(c.OutOrStdout(), format, d, func(w io.Writer) error {
				_, err := io.WriteString(w, d.String())
				return err
			})
			return errors.Join(err, failed)
		},
	}
	settingsFlag(c, &path)
	outputFlag(c, &format)
	return c
}
