// Comparison of the views with the log: each view is folded anew into fresh stores, by the projections that run, up to the
// checkpoints of the live store, and every key must be equal. Nothing is repaired.

package prove

import (
	"context"
	"errors"
)

// Verify compares. The views go on working meanwhile.
func Verify(ctx context.Context, config VerifyConfig) (*VerifyReport, error) {
	report := &VerifyReport{Keys: map[string]int{}, Through: map[string][]int64{}}
	lists, documents := map[string]*comparison{}, []*comparison{}
	for _, view := range config.Plan.Views {
		live, err := config.Live.Of(view)
		if config.Only != "" && config.Only != view.Name || err != nil {
			continue
		}
		c, err := newComparison(ctx, config, report, view.Name)
		if err != nil {
			return nil, err
		}
		if err := errors.Join(c.findLate(ctx), c.foldAll(ctx)); err != nil {
			return nil, err
		}
		for partition := range config.Plan.Partitions {
			if err := c.follow(ctx, live, partition); err != nil {
				return nil, err
			}
		}
		if c.Row.Compare == nil {
			lists[view.Name] = c
		} else {
			documents = append(documents, c)
		}
	}
	if len(lists) > 0 {
		if err := compareLists(ctx, report, config, lists); err != nil {
			return nil, err
		}
	}
	for _, c := range documents {
		if err := c.compareDocuments(ctx); err != nil {
			return report, err
		}
	}
	return report, nil
}
