// Comparison of documents that another process has open: what its query service answers is compared with what the same
// service answers over the fold. Documents that the log knows nothing of cannot be asked for, and are not found so.

package prove

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/parley-im/parley/schemas/gen/kitex/rpcv1/queryservice"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/views"
	"github.com/parley-im/parley/views/serve"
	"github.com/parley-im/parley/views/store"
)

// answers compares answers.
type answers struct {
	fresh views.Stores
	live  queryservice.Client
	fold  *serve.Service
	views map[string]*comparison
}

// VerifyAnswers compares what a query service answers from its documents with the log, up to the ends of a topic that the
// caller gives, and adds what it finds to a report.
func VerifyAnswers(
	ctx context.Context, config VerifyConfig, report *VerifyReport, live queryservice.Client,
	ends func(ctx context.Context, topic string) (map[int32]int64, error),
) error {
	a := &answers{fresh: config.Fresh, live: live, fold: serve.New(config.Fresh.Lists, config.Fresh.Documents), views: map[string]*comparison{}}
	for _, view := range config.Plan.Views {
		if row, ok := views.RowOf(view.Name); !ok || row.Compare == nil {
			continue
		}
		c, err := newComparison(ctx, config, report, view.Name)
		if err != nil {
			return err
		}
		a.views[view.Name] = c
		to, err := ends(ctx, view.Input[0])
		if err != nil {
			return err
		}
		for partition := range config.Plan.Partitions {
			if err := c.foldTo(ctx, partition, to[partition]); err != nil {
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
func same[A proto.Message](ctx context.Context, c *comparison, key, what string, live, fold func() (A, error), ahead func(live, fold A) bool) error {
	c.report.Keys[c.View.Name]++
	for until := time.Now().Add(patience); ; time.Sleep(pause) {
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
			c.report.differ(c.View.Name, key, c.checkpointOf(key), "the answer with %s is not what the log gives", what)
			return nil
		}
	}
}

func (a *answers) person(ctx context.Context, user string) error {
	q := &pb.PeopleQuery{Users: []string{user}}
	return same(ctx, a.views[store.People], user, "the profile",
		func() (*pb.PeopleAnswer, error) { return a.live.People(ctx, q) },
		func() (*pb.PeopleAnswer, error) { return a.fold.People(ctx, q) },
		func(live, fold *pb.PeopleAnswer) bool {
			return live.People[0].GetVersion() > fold.People[0].GetVersion()
		})
}

// conversation asks as the member who may see most: everything since that member joined.
func (a *answers) conversation(ctx context.Context, key string) error {
	documents, err := a.fresh.Documents.Conversations(ctx, []string{key})
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
		return nil // a conversation without members has no readers
	}
	for before := document.Number + 1; before > first.SinceNumber+1; before -= min(before-1, serve.MaxMessages) {
		q := &pb.HistoryQuery{User: first.User, Conversation: key, BeforeNumber: before, Limit: serve.MaxMessages}
		err := same(ctx, a.views[store.History], key, fmt.Sprintf("the history before message %d", before),
			func() (*pb.HistoryAnswer, error) { return a.live.History(ctx, q) },
			func() (*pb.HistoryAnswer, error) { return a.fold.History(ctx, q) },
			func(_, _ *pb.HistoryAnswer) bool { return false })
		if err != nil {
			return err
		}
	}
	return nil
}
