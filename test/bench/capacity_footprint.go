// What stands where: records and bytes of each topic, bytes of Redis and of the documents, memory of a process.

package main

import (
	"context"
	"fmt"
	"maps"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	mongooptions "go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/parley-im/parley/test/servers"
)

const (
	inRedis   = "redis"     // names of stores beside those of topics
	inPages   = "documents" // messages; what people and conversations cost apart from them is small
	forPerson = "/person"   // behind a store: bytes of somebody with one conversation in which nothing was said
	pagesName = "pages"     // collection

	pagesAtOnce = 500 // of an answer
)

// footprint is what stands at one moment, by topic and store.
type footprint struct{ records, bytes map[string]float64 }

// eye looks at the servers of a deployment.
type eye struct {
	kafka *kadm.Client
	redis *redis.Client
	pages *mongo.Collection
}

// eye connects to each of the deployment's servers.
func (h *deployment) eye(context.Context) (*eye, error) {
	e := &eye{}
	for _, s := range h.servers {
		switch s := s.(type) {
		case *servers.KafkaServer:
			client, err := kgo.NewClient(kgo.SeedBrokers(s.Addr))
			if err != nil {
				return nil, err
			}
			e.kafka = kadm.NewClient(client)
		case *servers.RedisServer:
			o, err := redis.ParseURL(s.URL)
			if err != nil {
				return nil, err
			}
			e.redis = redis.NewClient(o)
		case *servers.MongoServer:
			client, err := mongo.Connect(mongooptions.Client().ApplyURI(s.URI))
			if err != nil {
				return nil, err
			}
			e.pages = client.Database("parley").Collection(pagesName)
		}
	}
	return e, nil
}

func (e *eye) close() {
	e.kafka.Close()
	_ = e.redis.Close()
	_ = e.pages.Database().Client().Disconnect(context.Background())
}

// look reads the ends and sizes of every topic, and the sizes of the stores.
func (e *eye) look(ctx context.Context) (footprint, error) {
	f := footprint{map[string]float64{}, map[string]float64{}}
	ends, err := e.kafka.ListEndOffsets(ctx)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return f, fmt.Errorf("ends of topics: %w", err)
	}
	ends.Each(func(o kadm.ListedOffset) { f.records[o.Topic] += float64(o.Offset) })
	dirs, err := e.kafka.DescribeAllLogDirs(ctx, nil)
	if err != nil {
		return f, fmt.Errorf("sizes of topics: %w", err)
	}
	for _, broker := range dirs {
		if err := broker.Error(); err != nil {
			return f, fmt.Errorf("sizes of topics: %w", err)
		}
		broker.EachPartition(func(p kadm.DescribedLogDirPartition) { f.bytes[p.Topic] += float64(p.Size) })
	}
	for _, m := range []map[string]float64{f.records, f.bytes} {
		maps.DeleteFunc(m, func(topic string, _ float64) bool { return strings.HasPrefix(topic, "__") }) // Kafka's own
	}
	if f.bytes[inRedis], err = e.redisBytes(ctx); err != nil {
		return f, err
	}
	f.bytes[inPages], err = e.pageBytes(ctx)
	return f, err
}

// redisBytes is what the data take, without buffers of connections.
func (e *eye) redisBytes(ctx context.Context) (float64, error) {
	told, err := e.redis.Info(ctx, "memory").Result()
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(told) {
		if value, ok := strings.CutPrefix(line, "used_memory_dataset:"); ok {
			return strconv.ParseFloat(strings.TrimSpace(value), 64)
		}
	}
	return 0, fmt.Errorf("no used_memory_dataset: Redis does not tell used_memory_dataset")
}

// pageBytes is the length of every page of messages, as BSON.
func (e *eye) pageBytes(ctx context.Context) (float64, error) {
	all, err := e.pages.Find(ctx, bson.D{}, mongooptions.Find().SetBatchSize(pagesAtOnce)) // else the stand-in sends all in one answer
	if err != nil {
		return 0, err
	}
	bytes := 0
	for all.Next(ctx) {
		bytes += len(all.Current)
	}
	return float64(bytes), all.Err()
}

// per is what came, for each message.
func per(before, after map[string]float64, messages int64) map[string]float64 {
	found := map[string]float64{}
	for name, n := range after {
		if n != before[name] && messages > 0 {
			found[name] = (n - before[name]) / float64(messages)
		}
	}
	return found
}
