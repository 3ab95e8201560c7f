// parley verify --views: the views are folded anew, into stores of this process, and compared with the live ones.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/alicebob/miniredis/v2"

	"github.com/parley-im/parley/topology/wire"
	"github.com/parley-im/parley/views"
	"github.com/parley-im/parley/views/prove"
	"github.com/parley-im/parley/views/serve"
)

// viewsVerdict is what parley verify --views prints.
type viewsVerdict struct {
	Clean       bool     `json:"clean"`
	NotCompared []string `json:"not_compared,omitempty"` // what could not be looked at, and why
	*prove.VerifyReport
	Took string `json:"took"`
}

func verifyViews(ctx context.Context, s Settings, log *slog.Logger, out io.Writer, output string) error {
	h := s.history("fold the views")
	v, err := s.compareViews(ctx, prove.VerifyConfig{Plan: s.plan(), Log: log, Read: h.span, Begins: h.begins})
	h.bar.done()
	if err != nil {
		return err
	}
	if err := render(out, output, v, v.print); err != nil {
		return err
	}
	return violated(int64(v.Total))
}

// compareViews compares every view that can be looked at.
func (s Settings) compareViews(ctx context.Context, config prove.VerifyConfig) (viewsVerdict, error) {
	began := time.Now()
	live, notCompared, err := s.liveStores(ctx)
	if err != nil {
		return viewsVerdict{}, err
	}
	defer live.Close()
	fresh, clean, err := freshStores(ctx, s)
	if err != nil {
		return viewsVerdict{}, err
	}
	defer clean()
	config.Live, config.Fresh = live, fresh
	report, err := prove.Verify(ctx, config)
	if err == nil && live.Documents == nil {
		notCompared, err = s.verifyAnswers(ctx, config, report, notCompared)
	}
	if err != nil {
		return viewsVerdict{}, err
	}
	for _, name := range slices.Sorted(maps.Keys(report.Late)) {
		notCompared = append(notCompared, fmt.Sprintf("%d partitions of view %s: retention has deleted the beginning of their log; parley verify --follow compares "+
			"samples of what began later", len(report.Late[name]), name))
	}
	return viewsVerdict{report.Total == 0, notCompared, report, time.Since(began).Round(time.Millisecond).String()}, nil
}

// verifyAnswers compares documents through the query service of the process that has them. Without one they stay what
// they were before: not compared.
func (s Settings) verifyAnswers(ctx context.Context, config prove.VerifyConfig, report *prove.VerifyReport, why []string) ([]string, error) {
	if _, err := lookAtAddresses(ctx, s.QueryAddr); err != nil {
		return append(why, "nor is there a query service to ask instead (PARLEY_QUERY): "+err.Error()), nil
	}
	client, err := serve.Dial(split(s.QueryAddr)...)
	if err != nil {
		return why, err
	}
	err = prove.VerifyAnswers(ctx, config, report, client, func(ctx context.Context, topic string) (map[int32]int64, error) {
		spans, err := wire.Ends(ctx, s.cluster(), topic)
		ends := map[int32]int64{}
		for partition, span := range spans {
			ends[partition] = span.End
		}
		return ends, err
	})
	return []string{"documents that the log does not know: they are in a folder of another process, whose query service was asked"}, err
}

// liveStores are the stores that are compared. A folder of documents belongs to its process while that runs.
func (s Settings) liveStores(ctx context.Context) (views.Stores, []string, error) {
	settings := s.stores()
	if settings.Documents == views.Pebble {
		if _, err := os.Stat(settings.PebbleDir); err != nil {
			return views.Stores{}, nil, fmt.Errorf("the documents should be in a folder: name the data folder of the house (PARLEY_DATA): %w", err)
		}
	}
	stores, err := views.Open(ctx, settings)
	if err == nil || settings.Documents != views.Pebble {
		return stores, nil, err
	}
	why := "documents: " + err.Error()
	settings.Documents = ""
	stores, err = views.Open(ctx, settings)
	return stores, []string{why}, err
}

// freshStores are those that `parley dev` runs on, in this process: Redis in memory, documents in a folder that goes.
func freshStores(ctx context.Context, s Settings) (views.Stores, func(), error) {
	server := miniredis.NewMiniRedis()
	if err := server.Start(); err != nil {
		return views.Stores{}, nil, err
	}
	dir, err := os.MkdirTemp("", "parley-verify-")
	if err != nil {
		server.Close()
		return views.Stores{}, nil, err
	}
	stores, err := views.Open(ctx, views.StoreSettings{Plan: s.plan(), Redis: server.Addr(), Documents: views.Pebble, PebbleDir: dir})
	clean := func() {
		_ = errors.Join(stores.Close(), os.RemoveAll(dir))
		server.Close()
	}
	if err != nil {
		clean()
	}
	return stores, clean, err
}

func (v viewsVerdict) print(w io.Writer) error {
	for _, name := range slices.Sorted(maps.Keys(v.Keys)) {
		through := topicVerdict{Through: v.Through[name], Ends: v.Through[name]}
		fmt.Fprintf(w, "view/%-10s %7d keys, through %s\n", name, v.Keys[name], through.words())
	}
	for _, n := range v.NotCompared {
		fmt.Fprintf(w, "NOT COMPARED %s\n", n)
	}
	for _, d := range v.Differences {
		fmt.Fprintf(w, "VIOLATED %s\n", d)
	}
	if more := v.Total - len(v.Differences); more > 0 {
		fmt.Fprintf(w, "and %d more\n", more)
	}
	if v.Clean {
		_, err := fmt.Fprintf(w, "every key that was compared is what the log says (%s)\n", v.Took)
		return err
	}
	_, err := fmt.Fprintln(w, "a view whose place is deleted from its store folds itself again from the log's beginning")
	return err
}
