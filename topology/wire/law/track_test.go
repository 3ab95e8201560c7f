// Outputs before state, by example and in any order that Kafka may choose.

package law

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// shipment is a record with a key to tell it by.
type shipment struct {
	Slot[*shipment]
	key string
}

// testTrack is a track whose records name their keys themselves.
type testTrack struct{ *Track[*shipment] }

func newTestTrack(send func(*shipment) error) testTrack { return testTrack{NewTrack(send, Broken{})} }

func (t testTrack) put(s *shipment) error { return t.Put(s, s.key) }

// acked takes an ack as the wire does: what waited is sent, then the barriers that opened run.
func (t testTrack) acked(s *shipment) error {
	t.Ack(s)
	open, err := t.Release()
	for _, b := range open {
		b.Run(nil)
	}
	return err
}

func (t testTrack) barrier(run func(error)) {
	if now, err := t.Barrier(run); now {
		run(err)
	}
}

func (t testTrack) fail(err error) []*shipment {
	held, barriers := t.Fail(err)
	for _, b := range barriers {
		b.Run(err)
	}
	return held
}

// sent is a sender that keeps what it is given.
type sent struct {
	list []*shipment
	err  error
}

func (s *sent) send(r *shipment) error {
	if s.err != nil {
		return s.err
	}
	s.list = append(s.list, r)
	return nil
}

func (s *sent) keys() []string {
	var keys []string
	for _, r := range s.list {
		keys = append(keys, r.key)
	}
	return keys
}

func out(key string) *shipment   { return &shipment{Slot: Slot[*shipment]{Kind: Output}, key: key} }
func state(key string) *shipment { return &shipment{Slot: Slot[*shipment]{Kind: Row}, key: key} }

func TestTrackHoldsStateUntilItsOutputsAreAcked(t *testing.T) {
	var s sent
	l := newTestTrack(s.send)
	o1, o2, s2, o3, s3 := out("o1"), out("o2"), state("s2"), out("o3"), state("s3")
	free := state("free")
	require.NoError(t, l.put(free))
	require.NoError(t, l.Pace())
	require.Equal(t, []string{"free"}, s.keys(), "nothing before it")
	for _, r := range []*shipment{o1, o2, s2, o3, s3} {
		require.NoError(t, l.put(r))
	}
	require.NoError(t, l.Pace())
	require.Equal(t, []string{"free", "o1", "o2", "o3"}, s.keys())
	require.NoError(t, l.acked(o2))
	require.NoError(t, l.acked(o3))
	require.Equal(t, []string{"free", "o1", "o2", "o3"}, s.keys(), "o1 is not acked")
	require.NoError(t, l.acked(o1))
	require.Equal(t, []string{"free", "o1", "o2", "o3", "s2", "s3"}, s.keys())
}

func TestTrackHoldsStateBehindHeldState(t *testing.T) {
	var s sent
	l := newTestTrack(s.send)
	o1, s1, s2 := out("o1"), state("s1"), state("s2")
	for _, r := range []*shipment{o1, s1, s2} {
		require.NoError(t, l.put(r))
	}
	require.NoError(t, l.Pace())
	require.Equal(t, []string{"o1"}, s.keys())
	require.NoError(t, l.acked(o1))
	require.Equal(t, []string{"o1", "s1", "s2"}, s.keys())
}

func TestRowsWaitForTheirPaceAndTheNewestOfAKeyLeaves(t *testing.T) {
	var s sent
	l := newTestTrack(s.send)
	ann1, bob, ann2, o1, ann3, ann4 := state("ann"), state("bob"), state("ann"), out("o1"), state("ann"), state("ann")
	ran := false
	for _, r := range []*shipment{ann1, bob, ann2, o1, ann3} {
		require.NoError(t, l.put(r))
	}
	l.barrier(func(error) { ran = true })
	require.NoError(t, l.acked(o1))
	require.Equal(t, []*shipment{o1}, s.list, "no row's time has come")
	require.NoError(t, l.Pace())
	require.Equal(t, []*shipment{o1, bob, ann3}, s.list)
	require.NoError(t, l.put(ann4))
	require.NoError(t, l.acked(bob))
	require.False(t, ran)
	require.NoError(t, l.acked(ann3))
	require.True(t, ran, "the rows that it stands for are done with it")
	require.Equal(t, []*shipment{o1, bob, ann3}, s.list, "the next row waits for its own pace")
}

func TestABusyKeysRowLeavesAtLast(t *testing.T) {
	var s sent
	l := newTestTrack(s.send)
	o1, first, o2, second := out("o1"), state("ann"), out("o2"), state("ann")
	for _, r := range []*shipment{o1, first} {
		require.NoError(t, l.put(r))
	}
	require.NoError(t, l.Pace())
	for _, r := range []*shipment{o2, second} {
		require.NoError(t, l.put(r))
	}
	require.NoError(t, l.acked(o1))
	require.Equal(t, []*shipment{o1, o2, first}, s.list, "its time had come before a newer one was there")
}

func TestRowsDoNotMergeAcrossATakeover(t *testing.T) {
	var s sent
	l := newTestTrack(s.send)
	before, tombstone, behind := state("ann"), &shipment{Slot: Slot[*shipment]{Kind: Mark}, key: "t"}, state("ann")
	for _, r := range []*shipment{before, tombstone, behind} {
		require.NoError(t, l.put(r))
	}
	require.Equal(t, []*shipment{before, tombstone}, s.list, "a takeover waits for no pace")
}

func TestBarrierWaitsForOutputsAndStates(t *testing.T) {
	var s sent
	l := newTestTrack(s.send)
	var ran []string
	note := func(name string) func(error) { return func(err error) { ran = append(ran, fmt.Sprint(name, err)) } }
	l.barrier(note("idle"))
	o1, s1 := out("o1"), state("s1")
	require.NoError(t, l.put(o1))
	require.NoError(t, l.put(s1))
	l.barrier(note("behind"))
	require.NoError(t, l.put(out("o2")))
	require.NoError(t, l.Pace())
	require.NoError(t, l.acked(o1))
	require.Equal(t, []string{"idle<nil>"}, ran, "s1 is not acked")
	require.NoError(t, l.acked(s1))
	require.Equal(t, []string{"idle<nil>", "behind<nil>"}, ran, "o2 came after the barrier")
}

func TestEndedTrackSendsNothingMore(t *testing.T) {
	var s sent
	l := newTestTrack(s.send)
	o1, s1 := out("o1"), state("s1")
	require.NoError(t, l.put(o1))
	require.NoError(t, l.put(s1))
	ran := 0
	l.barrier(func(err error) {
		require.Error(t, err)
		ran++
	})
	broken := errors.New("broken")
	require.Equal(t, []*shipment{s1}, l.fail(broken))
	require.Equal(t, 1, ran)
	require.ErrorIs(t, l.put(out("o2")), broken)
	require.NoError(t, l.acked(o1))
	require.Equal(t, []string{"o1"}, s.keys(), "s1 must not follow after the purge")
}

func TestRecordThatCannotBeReleasedIsNotForgotten(t *testing.T) {
	var s sent
	l := newTestTrack(s.send)
	o1, s1 := out("o1"), state("s1")
	require.NoError(t, l.put(o1))
	require.NoError(t, l.put(s1))
	require.NoError(t, l.Pace())
	s.err = errors.New("the producer failed")
	require.ErrorIs(t, l.acked(o1), s.err)
	require.Equal(t, []*shipment{s1}, l.fail(s.err), "whoever waits for it must learn of it")
}

// TestNoStateBeforeItsOutputs puts and acks in any order that Kafka may choose.
func TestNoStateBeforeItsOutputs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s sent
		l := newTestTrack(s.send)
		before := map[*shipment][]*shipment{} // state -> outputs put before it
		acked := map[*shipment]bool{}
		var outputs, states []*shipment
		paced := 0 // states whose time had come
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			var flying []*shipment // what Kafka may ack next: any output, the first state
			firstState := true
			for _, r := range s.list {
				if acked[r] || r.Kind == Row && !firstState {
					continue
				}
				firstState = firstState && r.Kind == Output
				flying = append(flying, r)
			}
			switch kind := rapid.IntRange(0, 3).Draw(t, "kind"); {
			case kind == 0:
				r := out("o")
				outputs = append(outputs, r)
				if l.put(r) != nil {
					t.Fatal("refused")
				}
			case kind == 1:
				r := state(fmt.Sprint(rapid.IntRange(0, 3).Draw(t, "key")))
				states = append(states, r)
				before[r] = slices.Clone(outputs)
				if l.put(r) != nil {
					t.Fatal("refused")
				}
			case kind == 2:
				paced = len(states)
				if l.Pace() != nil {
					t.Fatal("refused")
				}
			case len(flying) > 0:
				r := rapid.SampledFrom(flying).Draw(t, "ack")
				acked[r] = true
				if l.acked(r) != nil {
					t.Fatal("refused")
				}
			}
			checkStates(t, s.list, states, paced, func(r *shipment) bool {
				return !slices.ContainsFunc(before[r], func(o *shipment) bool { return !acked[o] })
			})
		}
	})
}

// checkStates holds the states that were sent against those that were put: in order, without those that another one stands
// for, and none before or long after it may leave.
func checkStates(t *rapid.T, sent, put []*shipment, paced int, free func(*shipment) bool) {
	next := 0 // in put
	for _, r := range sent {
		if r.Kind != Row {
			continue
		}
		for next < len(put) && put[next] != r {
			newer := slices.IndexFunc(put[next+1:], func(o *shipment) bool { return o.Older == put[next] })
			if newer < 0 || put[next+1+newer].key != put[next].key {
				t.Fatal("states changed their order, or one is lost")
			}
			next++
		}
		if next++; !free(r) {
			t.Fatal("a state left before an output that stands before it was acked")
		}
	}
	for next < paced && put[next].Slot.superseded {
		next++
	}
	if next < paced && free(put[next]) {
		t.Fatal("a state is held for nothing")
	}
}
