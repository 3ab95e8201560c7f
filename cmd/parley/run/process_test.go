// A process in which a role fails ends, even when another role hangs.

package run

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/parley-im/parley/cmd/parley/settings"
)

func TestAProcessThatHangsIsEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ended []error
		p := &Process{Settings: settings.Default(), exit: func(err error) { ended = append(ended, err) }}
		failed := errors.New("a role failed")
		for what, hangs := range map[string]bool{"hangs": true, "ends": false} {
			ended = nil
			ctx, cancel := context.WithCancelCause(t.Context())
			done := make(chan struct{})
			if !hangs {
				close(done)
			}
			cancel(failed)
			p.exitInTime(ctx, done)
			if !hangs {
				require.Empty(t, ended, what)
				continue
			}
			require.Len(t, ended, 1, what)
			require.ErrorIs(t, ended[0], failed)
		}
	})
}
