// Comparison of documents that another process has to itself: what its query service answers is compared with what the
// same service answers over the fold. What the log knows nothing of cannot be asked for, and is not found so.

package views

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/parley-im/parley/schemas/gen/kitex/rpcv1/queryservice"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/views/query"
)

// answers compares answers.
type answers struct {
	config VerifyConfig
	report *VerifyReport
	live   queryservice.Client
	fold   *query.Service
	views  map[string]*comparison
}

// VerifyAnswers compares what a query service answers from its documents with the log, up to the ends that the caller
// tells of a topic, and adds what it finds to a report.
func VerifyAnswers(
	ctx context.Context, config VerifyConfig, report *VerifyReport, live queryservice.Client,
	ends func(ctx context.Context, topic string) (map[int32]int64, error),
) error {
	a := &answers{config: config, report: report, live: live, fold: query.New(config.Fresh.Lists, config.Fresh.Documents), views: map[string]*comparison{}}
	for _, view := range config.Plan.Views {
		if view.Store == "redis" {
			continue
		}
		r, err := newRunner(Config{Plan: config.Plan, View: view.Name, Stores: config.Fresh, Log: config.Log}, view)
		if err != nil {
			return err
		}
		c := &comparison{runner: r, config: config, report: report, at: make([]int64, config.Plan.Partitions)}
		a.views[view.Name], report.Through[view.Name], report.Keys[view.Name] = c, c.at, 0
		to, err := ends(ctx, view.Input[0])
		if err != nil {
			return err
		}
		for partition := range config.Plan.Partitions {
			if _, err = r.start(ctx, partition); err == nil {
				err = c.foldTo(ctx, partition, to[partition])
			}
			if err != nil {
				return err
			}
		}
	}
	known := config.Fresh.Documents
	return errors.Join(
		known.EachPerson(ctx, func(user string) error { return a.person(ctx, user) }),
		known.EachConversation(ctx, func(key string) error { return a.conversation(ctx, key) }),
	)
}

// same asks both until they answer alike. The live view may be behind for a moment, or ahead of what was folded.
func same[A proto.Message](ctx context.Context, a *answers, view, key, what string, live, fold func() (A, error), ahead func(live, fold A) bool) error {
	a.report.Keys[view]++
	for until := time.Now().Add(placePatience); ; time.Sleep(placePause) {
		have, err := live()
		if err != nil {
			return fmt.Errorf("ask the query service about %s: %w", key, err)
		}
		want, err := fold()
		if err != nil {
			return err
		}
		switch {
		case proto.Equal(have, want) || ahead(have, want):
			return nil
		case time.Now().After(until) || ctx.Err() != nil:
			c := a.views[view]
			a.report.differ(view, key, c.at[topology.PartitionOf(key, a.config.Plan.Partitions)], "%s is answered otherwise than the log says", what)
			return nil
		}
	}
}

func (a *answers) person(ctx context.Context, user string) error {
	q := &pb.PeopleQuery{Users: []string{user}}
	return same(ctx, a, "people", user, "the profile",
		func() (*pb.PeopleAnswer, error) { return a.live.People(ctx, q) },
		func() (*pb.PeopleAnswer, error) { return a.fold.People(ctx, q) },
		func(live, fold *pb.PeopleAnswer) bool {
			return live.People[0].GetVersion() > fold.People[0].GetVersion()
		})
}

// conversation asks as the member who sees most: everything that was said since that one came.
func (a *answers) conversation(ctx context.Context, key string) error {
	documents, err := a.config.Fresh.Documents.Conversations(ctx, []string{key})
	if err != nil {
		return err
	}
	document := documents[0]
	var first *pb.Member
	for _, m := range document.Members {
		if first == nil || m.SinceNumber < first.SinceNumber {
			first = m
		}
	}
	if first == nil {
		return nil // nobody is in it, so nobody may ask
	}
	for before := document.Number + 1; before > first.SinceNumber+1; before -= min(before-1, query.MaxMessages) {
		q := &pb.HistoryQuery{User: first.User, Conversation: key, BeforeNumber: before, Limit: query.MaxMessages}
		err := same(ctx, a, "history", key, fmt.Sprintf("the history before message %d", before),
			func() (*pb.HistoryAnswer, error) { return a.live.History(ctx, q) },
			func() (*pb.HistoryAnswer, error) { return a.fold.History(ctx, q) },
			func(_, _ *pb.HistoryAnswer) bool { return false })
		if err != nil {
			return err
		}
	}
	return nil
}
