// What must not happen to a log (class 10): offsets of a group deleted, topics made anew, records deleted ahead of a group,
// partitions added; election_fault_test.go has one more. The house must stop and say so, or fold everything again and say
// so, and go on when an operator has done what the alarm says; it never skips anything silently.

package system

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/parley-im/parley/topology"
)

// What the house says.
const (
	lostCommit   = "the group lost its commit"
	commitByHand = "it begins at"
	madeAnew     = "was deleted and created again"
	otherTable   = "belongs to another incarnation"
	wrongSize    = "partitions, the plan says"
)

// deleteOffsets deletes the offsets of a group: it folds everything again, says so, and rows drop what they have.
func deleteOffsets(w *world) time.Time {
	groups := w.plan().Groups
	g := groups[w.rand.IntN(len(groups))]
	restAll(w.processors)
	w.dropGroup(g)
	from := time.Now()
	backAll(w.processors)
	if !w.says(lostCommit, from, w.processors...) {
		w.find("S", "the offsets of %s were deleted, and nobody says so", g.Name)
	}
	return from
}

// remakeTable makes a changelog anew, empty: the group must stop. The operator lets it fold its inputs from the beginning.
func remakeTable(w *world) time.Time {
	g, _ := w.plan().Group([]string{"account", "bookmark"}[w.rand.IntN(2)]) // whose inputs are few
	restAll(w.processors)
	w.remake(w.plan().Table(g.Name))
	w.alarms("the changelog of "+g.Name+" was made anew", madeAnew, otherTable)
	w.forget(g)
	from := time.Now()
	backAll(w.processors)
	return from
}

// outOfModel are faults that take away what was proved: they come behind the proof, and only the probes go on.
func (w *world) outOfModel() []injury {
	backAll(w.dispatchers)
	backAll(w.gateways)
	backAll(w.processors)
	var all []injury
	for _, f := range []fault{
		{10, "unclean election", 1, alone, electUnclean}, {10, "records deleted ahead of the group", 1, alone, deleteAhead},
		{10, "partitions added, then the topic made anew", 1, alone, addPartitions},
	} {
		if picked(f.name, os.Getenv("FAULTS")) && !w.t.Failed() {
			all = append(all, w.injure([]fault{f})...)
		}
	}
	return all
}

// deleteAhead deletes commands that nobody has folded. The operator commits the log's beginning by hand, and the devices
// send again what has no outcome.
func deleteAhead(w *world) time.Time {
	g, _ := w.plan().Group("outbox")
	restAll(w.processors)
	for _, d := range w.crowd.probes {
		d.say(w.crowd.talks[d.user][0])
	}
	w.must("wait for commands", w.until(func(ctx context.Context, a *kadm.Client) (bool, error) {
		lags, err := a.Lag(ctx, w.plan().Consumer(g.Name))
		waiting := 0
		lags.Each(func(l kadm.DescribedGroupLag) {
			for _, topic := range l.Lag {
				for _, p := range topic {
					if p.Lag > 0 {
						waiting++
					}
				}
			}
		})
		return waiting == partitions, err
	}))
	begins := kadm.Offsets{}
	w.must("delete records", w.admin(func(ctx context.Context, a *kadm.Client) error {
		ends, err := a.ListEndOffsets(ctx, g.Input)
		if err != nil {
			return err
		}
		begins = ends.Offsets()
		deleted, err := a.DeleteRecords(ctx, begins)
		if err != nil {
			return err
		}
		return deleted.Error()
	}))
	w.alarms("inputs of outbox were deleted", commitByHand)
	w.must("commit by hand", w.until(func(ctx context.Context, a *kadm.Client) (bool, error) { // when no member is left
		err := a.CommitAllOffsets(ctx, w.plan().Consumer(g.Name), begins)
		return err == nil, err
	}))
	from := time.Now()
	backAll(w.processors)
	return from
}

// addPartitions adds partitions to a topic: the house must stop, for keys would move away from their rows. The operator
// makes the topic anew, which the house must notice too, and then lets the group begin anew.
func addPartitions(w *world) time.Time {
	g, _ := w.plan().Group("bookmark")
	since := time.Now()
	w.must("add partitions", w.admin(func(ctx context.Context, a *kadm.Client) error {
		made, err := a.UpdatePartitions(ctx, 2*partitions, g.Input)
		if err != nil {
			return err
		}
		return made.Error()
	}))
	if !w.says(wrongSize, since, w.processors...) {
		w.find("S", "partitions were added to %s, and nobody says so", g.Input)
	}
	restAll(w.processors)
	restAll(w.gateways) // a client keeps to the topic that it knew
	w.remake(g.Input)
	w.alarms(g.Input+" was made anew", madeAnew, otherTable)
	w.remake(w.plan().Table(g.Name))
	w.forget(g)
	from := time.Now()
	backAll(w.processors)
	backAll(w.gateways)
	return from
}

// alarms starts the processors, waits until each has said why it stops, and lets them be.
func (w *world) alarms(what string, words ...string) {
	from := time.Now()
	backAll(w.processors)
	said := false
	for end := time.Now().Add(recoveryPatience); !said && time.Now().Before(end); time.Sleep(pollEvery) {
		for _, m := range w.processors {
			for _, word := range words {
				said = said || m.logged(word, from)
			}
		}
	}
	if !said {
		w.find("S", "%s, and nobody says so", what)
	}
	restAll(w.processors)
}

// remake deletes a topic and makes it anew as the plan says.
func (w *world) remake(topic string) {
	w.must("delete "+topic, w.admin(func(ctx context.Context, a *kadm.Client) error {
		gone, err := a.DeleteTopics(ctx, topic)
		if err != nil {
			return err
		}
		return gone.Error()
	}))
	w.must("wait until "+topic+" is gone", w.until(func(ctx context.Context, a *kadm.Client) (bool, error) {
		topics, err := a.ListTopics(ctx, topic)
		return !topics.Has(topic), err
	}))
	w.apply()
}

// apply makes what is missing. While a broker is away by another fault it changes nothing and says so.
func (w *world) apply() {
	var err error
	for end := time.Now().Add(recoveryPatience); time.Now().Before(end); time.Sleep(between) {
		if _, err = w.h.Try("topology", "apply", "--settings", w.h.Settings); err == nil {
			return
		}
	}
	w.must("apply the plan", err)
}

// forget removes the offsets and the local tables of a group, so that it folds its inputs from the beginning.
func (w *world) forget(g topology.Group) {
	w.dropGroup(g)
	for _, m := range append([]*member{w.spare}, w.processors...) {
		w.must("remove the tables of "+g.Name, os.RemoveAll(filepath.Join(m.data, "tables", g.Name)))
	}
}

// dropGroup deletes the offsets of a group, as soon as it has no members any more.
func (w *world) dropGroup(g topology.Group) {
	w.must("delete the offsets of "+g.Name, w.until(func(ctx context.Context, a *kadm.Client) (bool, error) {
		answer, err := a.DeleteGroup(ctx, w.plan().Consumer(g.Name))
		if err == nil {
			err = answer.Err
		}
		return err == nil, err
	}))
}

// until asks Kafka again and again until something is so.
func (w *world) until(so func(context.Context, *kadm.Client) (bool, error)) (err error) {
	for end := time.Now().Add(recoveryPatience); time.Now().Before(end); time.Sleep(pollEvery) {
		ok := false
		err = w.admin(func(ctx context.Context, a *kadm.Client) (err error) {
			ok, err = so(ctx, a)
			return err
		})
		if ok && err == nil {
			return nil
		}
	}
	return err
}

// restAll ends processes in good order and leaves them so; backAll lets them work again.
func restAll(members []*member) {
	for _, m := range members {
		m.rest()
	}
	for _, m := range members {
		m.gone()
	}
}

func backAll(members []*member) {
	for _, m := range members {
		m.back()
	}
}
