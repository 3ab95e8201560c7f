// parley topology: the plan as text, picture and law, and the plan made real on a cluster.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"github.com/parley-im/parley/deploy"
	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/draw"
)

// drift is the exit code for a cluster or a plan that is not as it should be.
const drift = 2

func topologyCommand() *cobra.Command {
	c := &cobra.Command{Use: "topology", Short: "Print the plan, check its laws, compare a cluster with it, make it real"}
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
		Args:  cobra.NoArgs,
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
		Use:   "check",
		Short: "Check the laws of the plan; exit 2 when one is broken",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := topology.House().Check(); err != nil {
				return exitCode{drift, err}
			}
			_, err := fmt.Fprintln(c.OutOrStdout(), "the plan keeps its laws")
			return err
		},
	}
}

func topologyPlan() *cobra.Command {
	return onCluster("plan", "Show how a cluster differs from the plan; exit 2 on drift",
		func(ctx context.Context, admin *kadm.Client, s Settings) (deploy.Difference, error) {
			d, err := deploy.Diff(ctx, admin, s.plan(), s.deployment())
			if err == nil && d.Drift() {
				err = exitCode{drift, errors.New("the cluster differs from the plan; parley topology apply makes what is missing")}
			}
			return d, err
		})
}

func topologyApply() *cobra.Command {
	var allowLoss bool
	c := onCluster("apply", "Make what is missing on a cluster; never deletes, never changes a partition count",
		func(ctx context.Context, admin *kadm.Client, s Settings) (deploy.Difference, error) {
			o := s.deployment()
			o.AllowLoss = allowLoss
			d, err := deploy.Apply(ctx, admin, s.plan(), o)
			if errors.Is(err, deploy.ErrRefused) {
				err = exitCode{drift, err}
			}
			return d, err
		})
	c.Flags().BoolVar(&allowLoss, "allow-loss", false, "also make changes after which Kafka drops records that it keeps now (a shorter retention)")
	return c
}

// onCluster is a command that does something with a cluster and prints the difference that it found.
func onCluster(use, short string, do func(context.Context, *kadm.Client, Settings) (deploy.Difference, error)) *cobra.Command {
	var path, output string
	c := &cobra.Command{
		Use:   use,
		Short: short,
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			s, err := load(path)
			if err != nil {
				return err
			}
			admin, err := s.admin()
			if err != nil {
				return err
			}
			defer admin.Close()
			d, done := do(c.Context(), admin, s)
			var said exitCode
			if done != nil && !errors.As(done, &said) {
				return done
			}
			err = render(c.OutOrStdout(), output, d, func(w io.Writer) error {
				_, err := io.WriteString(w, d.String())
				return err
			})
			return errors.Join(err, done)
		},
	}
	settingsFlag(c, &path)
	outputFlag(c, &output)
	return c
}

func (s Settings) deployment() deploy.Options {
	return deploy.Options{Replication: s.Replication, ClusterID: s.ClusterID}
}

// admin opens a client for the cluster's own affairs.
func (s Settings) admin() (*kadm.Client, error) {
	options := []kgo.Opt{kgo.SeedBrokers(split(s.Brokers)...)}
	secure, err := s.cluster().TLS()
	if err != nil {
		return nil, err
	}
	if secure != nil {
		options = append(options, kgo.DialTLSConfig(secure))
	}
	if s.KafkaUser != "" {
		options = append(options, kgo.SASL(plain.Auth{User: s.KafkaUser, Pass: s.KafkaPassword}.AsMechanism()))
	}
	client, err := kgo.NewClient(options...)
	if err != nil {
		return nil, err
	}
	return kadm.NewClient(client), nil
}
