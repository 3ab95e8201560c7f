// What the settings mean to each hall: the plan of this deployment, its cluster, its stores, its limits.

package settings

import (
	"strings"

	"github.com/parley-im/parley/deploy"
	"github.com/parley-im/parley/gateways/door"
	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire"
	"github.com/parley-im/parley/views"
)

// Plan is the plan with what this deployment chooses.
func (s Settings) Plan() topology.Plan {
	p := topology.House()
	p.Partitions, p.Replication = s.Partitions, s.Replication
	p.CommandRate, p.CommandBurst, p.FanOut = s.CommandRate, s.CommandBurst, s.FanOut
	p.MinInsync = min(p.MinInsync, max(1, s.Replication-1))
	return p
}

// Cluster is how Kafka is reached.
func (s Settings) Cluster() wire.Cluster {
	return wire.Cluster{Brokers: List(s.Brokers), CA: s.KafkaCA, Cert: s.KafkaCert, Key: s.KafkaKey, User: s.KafkaUser, Password: s.KafkaPassword}
}

// Deployment is what topics are created with.
func (s Settings) Deployment() deploy.Options {
	return deploy.Options{Replication: s.Replication, ClusterID: s.ClusterID}
}

// Stores are where views are kept: documents in MongoDB, named by its URI, or in a folder of this process.
func (s Settings) Stores() views.StoreSettings {
	o := views.StoreSettings{Plan: s.Plan(), Redis: s.Redis, Documents: views.Mongo, MongoURI: s.Documents}
	if s.Documents == views.Pebble {
		o.Documents, o.PebbleDir = views.Pebble, s.Dir("documents")
	}
	return o
}

// Limits are those of a gateway.
func (s Settings) Limits() door.Limits {
	return door.Limits{
		Connections: s.Connections, ConnectionsPerUser: s.ConnectionsPerUser, ConnectionsPerAddress: s.ConnectionsPerAddress,
		EntersPerAddress: s.EntersPerAddress, FramesPerConnection: s.FramesPerConnection, FramesPerUser: s.FramesPerUser, PresenceLease: s.PresenceLease,
	}
}

// List splits a comma separated list, without empty parts.
func List(commaSeparated string) []string {
	var all []string
	for part := range strings.SplitSeq(commaSeparated, ",") {
		if part = strings.TrimSpace(part); part != "" {
			all = append(all, part)
		}
	}
	return all
}
