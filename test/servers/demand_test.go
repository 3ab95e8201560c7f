// This file checks what a test does without a server, with one given from outside, and that ports are not given twice.

package servers

import (
	"errors"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// spy is a test that notes how it was ended.
type spy struct {
	testing.TB
	skipped, failed string
}

func (s *spy) Helper()          {}
func (s *spy) Skip(args ...any) { s.skipped = fmt.Sprint(args...); runtime.Goexit() }
func (s *spy) Fatalf(format string, args ...any) {
	s.failed = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// ending runs what a test would run and tells how it ended.
func ending(t *testing.T, run func(testing.TB)) (skipped, failed string) {
	s := &spy{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		run(s)
	}()
	<-done
	return s.skipped, s.failed
}

func TestWithoutServers(t *testing.T) {
	t.Setenv("PARLEY_REAL", "off")
	for what, run := range map[string]func(testing.TB){
		"Apache Kafka": func(tb testing.TB) { Kafka(tb) },
		"Redis":        func(tb testing.TB) { Redis(tb) },
		"MongoDB":      func(tb testing.TB) { Mongo(tb) },
	} {
		skipped, failed := ending(t, run)
		require.Contains(t, skipped, "SKIPPED: needs real "+what+": not to be had here: PARLEY_REAL=off; set PARLEY_REAL=required to make this fail")
		require.Empty(t, failed)
	}

	t.Setenv("PARLEY_REAL", "required")
	skipped, failed := ending(t, func(tb testing.TB) { SkipOrFail(tb, "Redis", ErrUnavailable) })
	require.Empty(t, skipped)
	require.Contains(t, failed, "needs real Redis")

	t.Setenv("PARLEY_REAL", "")
	_, failed = ending(t, func(tb testing.TB) { SkipOrFail(tb, "Redis", errors.New("it broke")) })
	require.Contains(t, failed, "it broke", "a server that was had and broke is never a skip")
}

func TestGivenServerIsSharedAndNotStopped(t *testing.T) {
	mine := Redis(t, Own())
	t.Setenv("PARLEY_TEST_REDIS", mine.Addr)
	r := Redis(t)
	require.Equal(t, mine.Addr, r.Addr)
	require.True(t, r.External())
	require.ErrorIs(t, r.Kill(), ErrExternal)
	require.ErrorIs(t, r.Start(), ErrExternal)
	require.NotEqual(t, mine.Addr, Redis(t, Own()).Addr)

	t.Setenv("PARLEY_TEST_REDIS", localAddr(1))
	_, err := StartRedis(shortly(t, 10*time.Second), RedisConfig{})
	require.ErrorContains(t, err, "correct it or unset it")
	require.NotErrorIs(t, err, ErrUnavailable)
}

func TestPortsAreNotGivenTwice(t *testing.T) {
	seen := map[int]bool{}
	var held ports
	defer held.release()
	for range 50 {
		port, err := held.take(0)
		require.NoError(t, err)
		require.False(t, seen[port])
		seen[port] = true
	}
}
