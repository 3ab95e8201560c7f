// parley verify --views: the views are folded again, into stores of this process, and compared with the live ones.

package verify

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/parley-im/parley/cmd/parley/endpoint"
	"github.com/parley-im/parley/cmd/parley/output"
	"github.com/parley-im/parley/cmd/parley/replay"
	"github.com/parley-im/parley/cmd/parley/settings"
	"github.com/parley-im/parley/cmd/parley/stores"
	"github.com/parley-im/parley/views/prove"
	"github.com/parley-im/parley/views/serve"
)

// viewsVerdict is what parley verify --views prints.
type viewsVerdict struct {
	Clean       bool     `json:"clean"`
	NotCompared []string `json:"not_compared,omitempty"` // what could not be read, and why
	*prove.VerifyReport
	Took string `json:"took"`
}

func compareOnce(ctx context.Context, s settings.Settings, log *slog.Logger, out io.Writer, format string) error {
	bar := output.NewBar("fold the views")
	records := replay.Open(s, bar)
	v, err := compareViews(ctx, s, prove.VerifyConfig{Plan: s.Plan(), Log: log, Read: records.Span, Begins: records.Starts})
	bar.Done()
	if err != nil {
		return err
	}
	if err := output.Print(out, format, v, v.print); err != nil {
		return err
	}
	return violated(int64(v.Total))
}

// compareViews compares every view that can be read.
func compareViews(ctx context.Context, s settings.Settings, config prove.VerifyConfig) (viewsVerdict, error) {
	began := time.Now()
	live, notCompared, err := stores.Live(ctx, s)
	if err != nil {
		return viewsVerdict{}, err
	}
	defer live.Close()
	fresh, remove, err := stores.Fresh(ctx, s.Plan())
	if err != nil {
		return viewsVerdict{}, err
	}
	defer remove()
	config.Live, config.Fresh = live, fresh
	report, err := prove.Verify(ctx, config)
	if err == nil && live.Documents == nil {
		notCompared, err = compareAnswers(ctx, s, config, report, notCompared)
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

// compareAnswers compares documents through the query service of the process that has them. Without one they stay not compared.
func compareAnswers(ctx context.Context, s settings.Settings, config prove.VerifyConfig, report *prove.VerifyReport, why []string) ([]string, error) {
	if err := endpoint.Reachable(ctx, s.QueryAddr); err != nil {
		return append(why, "nor is there a query service to ask instead (PARLEY_QUERY): "+err.Error()), nil
	}
	client, err := serve.Dial(settings.List(s.QueryAddr)...)
	if err != nil {
		return why, err
	}
	records := replay.Open(s, &output.Bar{})
	err = prove.VerifyAnswers(ctx, config, report, client, func(ctx context.Context, topic string) (map[int32]int64, error) {
		_, ends, err := records.Ends(ctx, topic)
		return ends, err
	})
	return []string{"documents that the log does not know: they are in a folder of another process, whose query service was asked"}, err
}

func (v viewsVerdict) print(w io.Writer) error {
	for _, name := range slices.Sorted(maps.Keys(v.Keys)) {
		fmt.Fprintf(w, "view/%-10s %7d keys, through %s\n", name, v.Keys[name], offsetsText(v.Through[name], v.Through[name]))
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
		_, err := fmt.Fprintf(w, "every key that was compared equals the fold of the log (%s)\n", v.Took)
		return err
	}
	_, err := fmt.Fprintln(w, "to repair a view, delete its checkpoint from its store: it is folded again from the log's beginning")
	return err
}
