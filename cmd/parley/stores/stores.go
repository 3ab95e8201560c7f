// Package stores opens the stores of views for commands: those of the running deployment, and empty ones to compare them with.
package stores

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/alicebob/miniredis/v2"

	"github.com/parley-im/parley/cmd/parley/settings"
	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/views"
)

// Live opens the stores of the running deployment, and names those that could not be opened: a folder of documents is locked by
// its process while that runs.
func Live(ctx context.Context, s settings.Settings) (views.Stores, []string, error) {
	open := s.Stores()
	if open.Documents == views.Pebble {
		if _, err := os.Stat(open.PebbleDir); err != nil {
			return views.Stores{}, nil, fmt.Errorf("the documents should be in a folder: name the data folder of the deployment (PARLEY_DATA): %w", err)
		}
	}
	live, err := views.Open(ctx, open)
	if err == nil || open.Documents != views.Pebble {
		return live, nil, err
	}
	why := "documents: " + err.Error()
	open.Documents = ""
	live, err = views.Open(ctx, open)
	return live, []string{why}, err
}

// Fresh opens empty stores in this process, those that `parley dev` runs on: Redis in memory, documents in a temporary folder.
func Fresh(ctx context.Context, plan topology.Plan) (fresh views.Stores, remove func(), err error) {
	server := miniredis.NewMiniRedis()
	if err := server.Start(); err != nil {
		return views.Stores{}, nil, err
	}
	dir, err := os.MkdirTemp("", "parley-verify-")
	if err != nil {
		server.Close()
		return views.Stores{}, nil, err
	}
	fresh, err = views.Open(ctx, views.StoreSettings{Plan: plan, Redis: server.Addr(), Documents: views.Pebble, PebbleDir: dir})
	remove = func() {
		_ = errors.Join(fresh.Close(), os.RemoveAll(dir))
		server.Close()
	}
	if err != nil {
		remove()
	}
	return fresh, remove, err
}
