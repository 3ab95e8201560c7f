// Package doctor checks everything that a process needs, and names the remedy for what is missing.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/parley-im/parley/cmd/parley/endpoint"
	"github.com/parley-im/parley/cmd/parley/kafka"
	"github.com/parley-im/parley/cmd/parley/settings"
	"github.com/parley-im/parley/deploy"
	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/views"
)

const timeout = 5 * time.Second // of each check

// Finding is the result of one check. Advice is empty exactly when the check passed.
type Finding struct {
	Check  string `json:"examined"`
	OK     bool   `json:"well"`
	Found  string `json:"found"`
	Advice string `json:"advice,omitempty"`
}

type check struct {
	name   string
	run    func(context.Context, settings.Settings) (found string, err error)
	advice string
}

var checks = []check{
	{"plan", checkPlan, "the binary was built from a broken plan: build it again from a release"},
	{"data folder", checkData, "make the folder writable for this user, or name another one: --data or PARLEY_DATA"},
	{"kafka and its topics", checkKafka, "start Kafka (make kafka), check PARLEY_BROKERS, then run parley topology apply"},
	{"redis", checkRedis, "start Redis (make redis), check PARLEY_REDIS"},
	{"documents", checkDocuments, "start MongoDB (make mongo), check PARLEY_DOCUMENTS, or use pebble in one process"},
	{"query service", func(ctx context.Context, s settings.Settings) (string, error) {
		return checkAddresses(ctx, s.QueryAddr)
	}, "start it: parley run query"},
	{"dispatchers", func(ctx context.Context, s settings.Settings) (string, error) { return checkAddresses(ctx, s.PushAddr) }, "start one: parley run dispatch"},
}

// Examine runs every check and counts those that failed.
func Examine(ctx context.Context, s settings.Settings) (findings []Finding, failed int) {
	for _, c := range checks {
		limited, cancel := context.WithTimeout(ctx, timeout)
		found, err := c.run(limited, s)
		cancel()
		f := Finding{Check: c.name, OK: err == nil, Found: found}
		if err != nil {
			f.Found, f.Advice = err.Error(), c.advice
			failed++
		}
		findings = append(findings, f)
	}
	return findings, failed
}

// Print prints findings as text.
func Print(w io.Writer, findings []Finding) error {
	tab := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	for _, f := range findings {
		mark := "ok"
		if !f.OK {
			mark = "FAIL"
		}
		fmt.Fprintf(tab, "%s\t%s\t%s\n", mark, f.Check, strings.ReplaceAll(f.Found, "\n", "; "))
		if f.Advice != "" {
			fmt.Fprintf(tab, "\t\t-> %s\n", f.Advice)
		}
	}
	return tab.Flush()
}

func checkPlan(context.Context, settings.Settings) (string, error) {
	p := topology.House()
	return fmt.Sprintf("%d topics, %d groups, %d views, log epoch %d", len(p.Topics), len(p.Groups), len(p.Views), p.Epoch), p.Check()
}

func checkData(_ context.Context, s settings.Settings) (string, error) {
	if err := os.MkdirAll(s.Data, 0o700); err != nil {
		return "", err
	}
	f, err := os.CreateTemp(s.Data, "doctor-")
	if err != nil {
		return "", err
	}
	_, err = f.WriteString("parley doctor")
	path, _ := filepath.Abs(s.Data)
	return path + " is writable", errors.Join(err, f.Close(), os.Remove(f.Name()))
}

func checkKafka(ctx context.Context, s settings.Settings) (string, error) {
	admin, err := kafka.Admin(s)
	if err != nil {
		return "", err
	}
	defer admin.Close()
	d, err := deploy.Diff(ctx, admin, s.Plan(), s.Deployment())
	if err != nil {
		return "", err
	}
	if d.Drift() {
		return "", errors.New("its topics differ from the plan: parley topology plan shows how")
	}
	return fmt.Sprintf("cluster %s, topics as planned", d.ClusterID), nil
}

func checkRedis(ctx context.Context, s settings.Settings) (string, error) {
	stores, err := views.Open(ctx, views.StoreSettings{Plan: s.Plan(), Redis: s.Redis})
	if err != nil {
		return "", err
	}
	return "answers at " + s.Redis, stores.Close()
}

func checkDocuments(ctx context.Context, s settings.Settings) (string, error) {
	open := s.Stores()
	if open.Documents == views.Pebble {
		return "kept by the process itself in " + open.PebbleDir, nil
	}
	open.Redis = ""
	stores, err := views.Open(ctx, open)
	if err != nil {
		return "", err
	}
	return "answers", stores.Close()
}

func checkAddresses(ctx context.Context, addresses string) (string, error) {
	return addresses + " listens", endpoint.Reachable(ctx, addresses)
}
