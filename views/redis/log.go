// What go-redis has to say goes where everything else goes.

package redis

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/redis/go-redis/v9"
)

// chatter takes go-redis' own log, which is one for the process and would stand on stderr. It tells of failures that its
// callers are told as well and report in their own words, so it is for whoever looks closer.
type chatter struct{}

func (chatter) Printf(ctx context.Context, format string, values ...any) {
	if slog.Default().Enabled(ctx, slog.LevelDebug) {
		slog.DebugContext(ctx, fmt.Sprintf(format, values...), "from", "go-redis")
	}
}

func hearChatter() { redis.SetLogger(chatter{}) }
