// Package redis keeps what must be read at once: inboxes, lists of conversations, marks and presence.
//
// Everything of one partition carries the hash tag {partition}, so it is in one slot: a batch and the view's checkpoint are
// written by one script, together or not at all, also in a cluster. If Redis loses its data, the checkpoint is lost with
// them, and the next batch is refused: the view then folds again from the checkpoint that Redis still has.
//
//	inbox:{12}:bob            stream, at least the newest Kept events, contiguous: "run" -> InboxPart with some of them, entry
//	                          ids <inbox_seq>-0 of the last; or, the earlier form, "e" -> InboxEvent
//	inbox:{12}:bob:head       hash, inbox_seq and epoch of the newest event ever kept
//	conversations:{12}:bob    hash, conversation -> position and ConversationSummary
//	order:{12}:bob            sorted set, conversation by the time of its latest change
//	marks:{12}:g-1/main       hash, user of partition 12 -> position and Marks
//	presence:{12}:bob         hash, "lease" -> position and PersonPresence
//	position:{12}:inbox@1     next offset of the view in partition 12
//	generations:inbox         version and value: which generation of the view is read; none = the first
//
// A view that is built anew beside the old one is another generation: its keys begin with g2:, g3: and so on.
package redis

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// Limits of the connection to Redis.
const (
	dialTimeout     = 2 * time.Second
	replyTimeout    = 3 * time.Second // for one batch to be written or answered
	poolTimeout     = 4 * time.Second // for a free connection; above replyTimeout, so that one stall does not spread
	maxConnections  = 64              // at most, for each process
	maxRetries      = 2               // after the first attempt; every script may be repeated
	maxRetryBackoff = 200 * time.Millisecond
)

// Kept is how many events the stream of an inbox keeps. A device that was away for longer takes a snapshot.
const Kept = 2000

// Options are which Redis, and how users are partitioned.
type Options struct {
	Address   string // host:port or redis[s]://user:password@host:port/db
	TLS       *tls.Config
	Partition func(user string) int32 // partition of a user's inbox, bookmarks and account
}

// Store is one Redis.
type Store struct {
	client      *redis.Client
	partition   func(user string) int32
	generations map[string]int // of views, by short name; none = 1
}

// Open connects, and fails when Redis does not answer.
func Open(ctx context.Context, options Options) (*Store, error) {
	if options.Partition == nil {
		return nil, errors.New("redis: Options.Partition is missing; give the plan's PartitionOf")
	}
	settings, err := settings(options)
	if err != nil {
		return nil, err
	}
	redirectLog()
	opened := &Store{client: redis.NewClient(settings), partition: options.Partition}
	if err := opened.client.Ping(ctx).Err(); err != nil {
		return nil, errors.Join(fmt.Errorf("redis at %s does not answer; start it or correct the address: %w",
			settings.Addr, err), opened.Close())
	}
	return opened, nil
}

func settings(options Options) (*redis.Options, error) {
	settings := &redis.Options{Addr: options.Address}
	if strings.Contains(options.Address, "://") {
		parsed, err := redis.ParseURL(options.Address)
		if err != nil {
			return nil, fmt.Errorf("redis address is neither host:port nor a redis:// URL: %w", err)
		}
		settings = parsed
	}
	if options.TLS != nil {
		settings.TLSConfig = options.TLS
	}
	settings.ClientName = "parley-view"
	settings.Protocol = 2
	settings.DialTimeout = dialTimeout
	settings.ReadTimeout, settings.WriteTimeout = replyTimeout, replyTimeout
	settings.PoolTimeout, settings.PoolSize, settings.MaxActiveConns = poolTimeout, maxConnections, maxConnections
	settings.MaxRetries, settings.MaxRetryBackoff = maxRetries, maxRetryBackoff
	// A caller who stops waiting must also stop the read: the connection is then thrown away. Reused, it would give this
	// caller's answer to the next one (CVE-2025-29923). For the same reason the handshake sends nothing optional.
	settings.ContextTimeoutEnabled = true
	settings.DisableIdentity = true
	settings.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return settings, nil
}

// Close closes the connections.
func (s *Store) Close() error { return s.client.Close() }
