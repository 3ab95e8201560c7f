// parley dev: the whole house in one process, on an in-process Kafka, Redis and document store, with people in it.

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kfake"
	"golang.org/x/sync/errgroup"

	"github.com/parley-im/parley/deploy"
)

// devPartitions are enough to see keys spread, and few enough to start at once.
const devPartitions = 4

// devReady is what a script reads: `parley dev --output json` prints it in one line.
type devReady struct {
	URL   string `json:"url"`
	Pair  string `json:"pair"`
	Curl  string `json:"curl"`
	Admin string `json:"admin"`
	Kafka string `json:"kafka"`
	Redis string `json:"redis"`
	Query string `json:"query"`
	Data  string `json:"data"`
	Took  string `json:"took"`
}

func devCommand() *cobra.Command {
	var http, data, level, output string
	c := &cobra.Command{
		Use:   "dev",
		Short: "Run the whole house in this process and chat in a browser",
		Long: `Run the whole house in this process: an in-process Kafka (kfake), Redis (miniredis) and document store (Pebble), all roles,
a few people and their conversations. It is for one's own machine: nothing is replicated, and one process is all there is.
Without --data everything is gone when it ends.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			kept := data != ""
			if !kept {
				var err error
				if data, err = os.MkdirTemp("", "parley-"); err != nil {
					return err
				}
				defer os.RemoveAll(data)
			}
			return dev(c.Context(), c.OutOrStdout(), http, data, kept, level, output)
		},
	}
	c.Flags().StringVar(&http, "http", "127.0.0.1:8080", "address of the page; port 0 = any")
	c.Flags().StringVar(&data, "data", "", "folder that keeps everything (default: nothing is kept)")
	c.Flags().StringVar(&level, "log-level", "warn", "debug, info, warn or error")
	outputFlag(c, &output)
	_ = c.MarkFlagDirname("data")
	return c
}

func dev(ctx context.Context, out io.Writer, http, data string, kept bool, level, output string) error {
	began := time.Now()
	s, closeParts, err := devParts(ctx, http, data, level)
	if err != nil {
		return err
	}
	defer closeParts()
	p, err := newProcess(s, roles())
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return p.run(ctx, roles()) })
	g.Go(func() error {
		select {
		case <-ctx.Done():
			return nil
		case <-p.ready.full:
		}
		if err := seed(ctx, s); err != nil && ctx.Err() == nil {
			return fmt.Errorf("making the first people: %w", err)
		}
		return sayReady(out, output, s, kept, time.Since(began))
	})
	return g.Wait()
}

// devParts starts the servers that live in this process and returns the settings that point to them.
func devParts(ctx context.Context, http, data, level string) (Settings, func(), error) {
	s := defaults()
	s.Data, s.LogLevel, s.Partitions, s.Replication = data, level, devPartitions, 1
	s.Documents, s.LogFeed, s.Development, s.Session = "pebble", true, true, 6*time.Second
	s.Instance = "dev"
	kafka, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.DataDir(filepath.Join(data, "kafka")), kfake.GroupMinSessionTimeout(time.Second),
		kfake.BrokerConfigs(map[string]string{"group.initial.rebalance.delay.ms": "0"}))
	if err != nil {
		return s, nil, fmt.Errorf("in-process Kafka: %w", err)
	}
	redis := miniredis.NewMiniRedis()
	closeAll := func() { redis.Close(); kafka.Close() }
	if err := redis.Start(); err != nil {
		kafka.Close()
		return s, nil, fmt.Errorf("in-process Redis: %w", err)
	}
	s.Brokers, s.Redis = kafka.ListenAddrs()[0], redis.Addr()
	if s.HTTP, err = free(http); err == nil {
		for _, a := range []*string{&s.Admin, &s.QueryBind, &s.PushBind} {
			if *a, err = free("127.0.0.1:0"); err != nil {
				break
			}
		}
	}
	if err != nil {
		closeAll()
		return s, nil, err
	}
	s.QueryAddr, s.PushAddr, s.KeyAddr = s.QueryBind, s.PushBind, ""
	admin, err := s.admin()
	if err != nil {
		closeAll()
		return s, nil, err
	}
	defer admin.Close()
	if _, err := deploy.Apply(ctx, admin, s.plan(), s.deployment()); err != nil {
		closeAll()
		return s, nil, fmt.Errorf("making the topics: %w", err)
	}
	return s, closeAll, nil
}

// free resolves port 0, and says plainly when a chosen port is taken.
func free(addr string) (string, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return "", fmt.Errorf("%w; choose another address with --http 127.0.0.1:0", err)
	}
	defer l.Close()
	return l.Addr().String(), nil
}

func sayReady(out io.Writer, output string, s Settings, kept bool, took time.Duration) error {
	url := "http://" + s.HTTP
	r := devReady{
		URL:  url,
		Pair: url + "/?as=ann&and=bob",
		Curl: fmt.Sprintf(`curl -s %s/v1/conversations/%s/messages -H "Authorization: Bearer $(%s token ann --data %s)" -d '{"text":"hello"}'`,
			url, devConversation, os.Args[0], s.Data),
		Admin: "http://" + s.Admin, Kafka: s.Brokers, Redis: s.Redis, Query: s.QueryAddr, Data: s.Data, Took: took.Round(time.Millisecond).String(),
	}
	if output == "json" {
		e := json.NewEncoder(out)
		e.SetEscapeHTML(false) // the addresses are for people too
		return e.Encode(r)
	}
	fate := "everything is gone when this ends; until then it is in"
	if kept {
		fate = "everything is kept in"
	}
	_, err := fmt.Fprintf(out, `
  Parley is ready (%s).

    page             %s
    two people       %s
    send by curl     %s

    Kafka %s   Redis %s   metrics %s/metrics
    %s %s

`, r.Took, r.URL, r.Pair, r.Curl, r.Kafka, r.Redis, r.Admin, fate, r.Data)
	return err
}

// devPeople answers who lives here, with tokens: in development alone.
func devPeople(mint func(user string) (string, error)) http.HandlerFunc {
	type person struct {
		User  string `json:"user"`
		Name  string `json:"name"`
		Token string `json:"token"`
	}
	return func(w http.ResponseWriter, _ *http.Request) {
		var all []person
		var failed error
		for _, p := range firstPeople {
			token, err := mint(p.user)
			failed = errors.Join(failed, err)
			all = append(all, person{p.user, p.name, token})
		}
		if failed != nil {
			http.Error(w, failed.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		_ = json.NewEncoder(w).Encode(all)
	}
}
