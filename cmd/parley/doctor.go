// The doctor looks at everything that a process of this house needs, and says what to do about what is missing.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/parley-im/parley/deploy"
	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/views"
)

const doctorPatience = 5 * time.Second // for each examination

// finding is what one examination found. Advice is empty exactly when all is well.
type finding struct {
	Examined string `json:"examined"`
	Well     bool   `json:"well"`
	Found    string `json:"found"`
	Advice   string `json:"advice,omitempty"`
}

type examination struct {
	what   string
	look   func(context.Context, Settings) (found string, err error)
	advice string
}

var examinations = []examination{
	{"plan", lookAtPlan, "the binary was built from a broken plan: build it again from a release"},
	{"data folder", lookAtData, "make the folder writable for this user, or name another one: --data or PARLEY_DATA"},
	{"kafka and its topics", lookAtKafka, "start Kafka (make kafka), check PARLEY_BROKERS, then run parley topology apply"},
	{"redis", lookAtRedis, "start Redis (make redis), check PARLEY_REDIS"},
	{"documents", lookAtDocuments, "start MongoDB (make mongo), check PARLEY_DOCUMENTS, or use pebble in one process"},
	{"query service", func(ctx context.Context, s Settings) (string, error) { return lookAtAddresses(ctx, s.QueryAddr) }, "start it: parley run query"},
	{"dispatchers", func(ctx context.Context, s Settings) (string, error) { return lookAtAddresses(ctx, s.PushAddr) }, "start one: parley run dispatch"},
}

func doctorCommand() *cobra.Command {
	var path, output string
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Look at everything that Parley needs and say what to do about what is missing",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			s, err := load(path)
			if err != nil {
				return err
			}
			findings, ill := examine(c.Context(), s)
			err = render(c.OutOrStdout(), output, findings, func(w io.Writer) error { return tell(w, findings) })
			if err == nil && ill > 0 {
				err = exitCode{2, fmt.Errorf("%d of %d examinations found something wrong", ill, len(findings))}
			}
			return err
		},
	}
	settingsFlag(c, &path)
	outputFlag(c, &output)
	return c
}

func examine(ctx context.Context, s Settings) (findings []finding, ill int) {
	for _, e := range examinations {
		limited, cancel := context.WithTimeout(ctx, doctorPatience)
		found, err := e.look(limited, s)
		cancel()
		f := finding{Examined: e.what, Well: err == nil, Found: found}
		if err != nil {
			f.Found, f.Advice = err.Error(), e.advice
			ill++
		}
		findings = append(findings, f)
	}
	return findings, ill
}

func tell(w io.Writer, findings []finding) error {
	tab := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	for _, f := range findings {
		mark := "ok"
		if !f.Well {
			mark = "ILL"
		}
		fmt.Fprintf(tab, "%s\t%s\t%s\n", mark, f.Examined, strings.ReplaceAll(f.Found, "\n", "; "))
		if f.Advice != "" {
			fmt.Fprintf(tab, "\t\t-> %s\n", f.Advice)
		}
	}
	return tab.Flush()
}

func lookAtPlan(context.Context, Settings) (string, error) {
	p := topology.House()
	return fmt.Sprintf("%d topics, %d groups, %d views, log epoch %d", len(p.Topics), len(p.Groups), len(p.Views), p.Epoch), p.Check()
}

func lookAtData(_ context.Context, s Settings) (string, error) {
	if err := os.MkdirAll(s.Data, 0o700); err != nil {
		return "", err
	}
	f, err := os.CreateTemp(s.Data, "doctor-")
	if err != nil {
		return "", err
	}
	_, err = f.WriteString("a doctor was here")
	path, _ := filepath.Abs(s.Data)
	return path + " is writable", errors.Join(err, f.Close(), os.Remove(f.Name()))
}

func lookAtKafka(ctx context.Context, s Settings) (string, error) {
	admin, err := s.admin()
	if err != nil {
		return "", err
	}
	defer admin.Close()
	d, err := deploy.Diff(ctx, admin, s.plan(), s.deployment())
	if err != nil {
		return "", err
	}
	if d.Drift() {
		return "", errors.New("its topics differ from the plan: parley topology plan shows how")
	}
	return fmt.Sprintf("cluster %s, topics as planned", d.ClusterID), nil
}

func lookAtRedis(ctx context.Context, s Settings) (string, error) {
	stores, err := views.Open(ctx, views.StoreSettings{Plan: s.plan(), Redis: s.Redis})
	if err != nil {
		return "", err
	}
	return "answers at " + s.Redis, stores.Close()
}

func lookAtDocuments(ctx context.Context, s Settings) (string, error) {
	o := s.stores()
	if o.Documents == views.Pebble {
		return "kept by the process itself in " + o.PebbleDir, nil
	}
	o.Redis = ""
	stores, err := views.Open(ctx, o)
	if err != nil {
		return "", err
	}
	return "answers", stores.Close()
}

func lookAtAddresses(ctx context.Context, list string) (string, error) {
	var all []error
	for _, a := range split(list) {
		c, err := (&net.Dialer{}).DialContext(ctx, "tcp", a)
		if err != nil {
			all = append(all, err)
			continue
		}
		_ = c.Close()
	}
	return list + " listens", errors.Join(all...)
}

// split takes a comma separated list apart.
func split(list string) []string {
	var all []string
	for _, s := range strings.Split(list, ",") {
		if s = strings.TrimSpace(s); s != "" {
			all = append(all, s)
		}
	}
	return all
}
