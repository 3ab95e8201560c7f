// Making the cluster as the plan says: create what is missing, alter what is wrong, refuse what cannot be mended safely.

package deploy

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/parley-im/parley/topology"
)

// DefaultWait is how long Apply waits for new topics to have leaders. A controller makes hundreds of partitions a second.
const DefaultWait = time.Minute

// waitPause is the time between two looks at the cluster while waiting: short against DefaultWait, long for a controller.
const waitPause = 100 * time.Millisecond

// ErrRefused says that Apply changed nothing, because something is in the way that it must not mend.
var ErrRefused = errors.New("nothing was changed")

// Refusals are what keeps Apply from making the plan real, each with what to do. There are none in a healthy cluster.
func (d Difference) Refusals(opts Options) []error {
	var refusals []error
	for _, m := range d.Partitions {
		refusals = append(refusals, fmt.Errorf("%s has %s, the plan says %d: keys would move away from their rows; "+
			"set the plan back, or begin a new log epoch (seal, copy, switch)", m.Topic, count(m.Have, "partition"), m.Want))
	}
	for _, m := range d.Replication {
		refusals = append(refusals, fmt.Errorf("%s has %s, the plan says %d: move them with kafka-reassign-partitions.sh first, "+
			"or say how many this cluster has (replication %d)", m.Topic, count(m.Have, "replica"), m.Want, m.Have))
	}
	for _, spec := range d.Missing {
		if int(spec.Replication) > d.Brokers {
			refusals = append(refusals, fmt.Errorf("%s needs %s, the cluster has %s: start more, or ask for fewer (replication %d)",
				spec.Name, count(int(spec.Replication), "replica"), count(d.Brokers, "broker"), d.Brokers))
		}
	}
	for _, change := range d.Settings {
		if change.Loses && !opts.AllowLoss {
			refusals = append(refusals, fmt.Errorf("%s: %s from %s to %s makes Kafka drop records that it keeps now: "+
				"raise it in the plan, or allow the loss in so many words", change.Topic, change.Key, change.Have, change.Want))
		}
	}
	return refusals
}

// Apply makes the cluster as the plan says and waits until it is. It returns what it found different, which is what it
// has changed when err is nil. It can be run again at any time, also by two people at once: it never deletes, and what
// is right stays untouched.
func Apply(ctx context.Context, admin *kadm.Client, p topology.Plan, opts Options) (Difference, error) {
	if err := p.Check(); err != nil {
		return Difference{}, fmt.Errorf("%w, the plan breaks its own laws: %w", ErrRefused, err)
	}
	found, err := Diff(ctx, admin, p, opts)
	if err != nil {
		return found, err
	}
	if refusals := found.Refusals(opts); len(refusals) > 0 {
		return found, fmt.Errorf("%w: %w", ErrRefused, errors.Join(refusals...))
	}
	for _, spec := range found.Missing {
		if err := createTopic(ctx, admin, spec); err != nil {
			return found, err
		}
	}
	for _, change := range found.Settings {
		if err := alterTopic(ctx, admin, change); err != nil {
			return found, err
		}
	}
	return found, await(ctx, admin, p, opts)
}

// createTopic creates one topic. That somebody else just did is no error: the look that follows compares what they made.
func createTopic(ctx context.Context, admin *kadm.Client, spec TopicSpec) error {
	settings := make(map[string]*string, len(spec.Settings))
	for _, s := range spec.Settings {
		settings[s.Key] = kadm.StringPtr(s.Value)
	}
	response, err := admin.CreateTopic(ctx, spec.Partitions, spec.Replication, settings, spec.Name)
	if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
		return fmt.Errorf("create topic %s; correct that and apply again, what was made so far stays: %w (%s)", spec.Name, err, response.ErrMessage)
	}
	return nil
}

func alterTopic(ctx context.Context, admin *kadm.Client, change SettingChange) error {
	set := []kadm.AlterConfig{{Op: kadm.SetConfig, Name: change.Key, Value: kadm.StringPtr(change.Want)}}
	responses, err := admin.AlterTopicConfigs(ctx, set, change.Topic)
	message := ""
	if err == nil {
		var response kadm.AlterConfigsResponse
		response, err = responses.On(change.Topic, nil)
		message = response.ErrMessage
		err = errors.Join(err, response.Err)
	}
	if err != nil {
		return fmt.Errorf("set %s of %s to %s; correct that and apply again: %w (%s)", change.Key, change.Topic, change.Want, err, message)
	}
	return nil
}

// await looks until the cluster is as the plan says and every partition of it has a leader.
func await(ctx context.Context, admin *kadm.Client, p topology.Plan, opts Options) error {
	wait := opts.Wait
	if wait <= 0 {
		wait = DefaultWait
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	tick := time.NewTicker(waitPause)
	defer tick.Stop()
	var left error
	for {
		d, err := Diff(ctx, admin, p, opts)
		switch {
		case err == nil && !d.Drift() && len(d.Leaderless) == 0:
			return nil
		case err == nil:
			left = fmt.Errorf("still different:\n%s", d)
		case ctx.Err() == nil:
			left = err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("everything was asked for, but the cluster is not there after %s; look at it again with a diff: %w",
				wait, errors.Join(ctx.Err(), left))
		case <-tick.C:
		}
	}
}
