// Checkpoints of views.

package redis

import (
	"context"
	"errors"

	"github.com/redis/go-redis/v9"
)

// Checkpoint is the offset below which everything is in the store, 0 when the store has none.
func (s *Store) Checkpoint(ctx context.Context, view string, partition int32) (int64, error) {
	return checkpointOf(s.client.Get(ctx, s.checkpointKey(view, partition)))
}

// Forget makes the view fold the partition again from the log's beginning. The content stays and is compared.
func (s *Store) Forget(ctx context.Context, view string, partition int32) error {
	return s.client.Del(ctx, s.checkpointKey(view, partition)).Err()
}

func checkpointOf(answer *redis.StringCmd) (int64, error) {
	checkpoint, err := answer.Int64()
	if errors.Is(err, redis.Nil) {
		return 0, nil
	}
	return checkpoint, err
}
