// The default of every setting.

package settings

import (
	"time"

	"github.com/parley-im/parley/gateways/door"
	"github.com/parley-im/parley/topology"
)

// Default is for a cluster on the developer's own machine, as `make kafka redis mongo` starts it.
func Default() Settings {
	plan, limits := topology.House(), door.Limits{}.OrDefaults()
	return Settings{
		CommandRate: plan.CommandRate, CommandBurst: plan.CommandBurst, FanOut: plan.FanOut,
		Connections: limits.Connections, ConnectionsPerUser: limits.ConnectionsPerUser, ConnectionsPerAddress: limits.ConnectionsPerAddress,
		EntersPerAddress: limits.EntersPerAddress, FramesPerConnection: limits.FramesPerConnection, FramesPerUser: limits.FramesPerUser,
		PresenceLease: limits.PresenceLease,
		Brokers:       "127.0.0.1:9092", Partitions: 64, Replication: 3, Data: ".data/parley", Session: 10 * time.Second,
		Redis: "127.0.0.1:6379", Documents: "mongodb://127.0.0.1:27017/parley",
		HTTP: "127.0.0.1:8080", Admin: "127.0.0.1:9100",
		QueryBind: "127.0.0.1:9101", PushBind: "127.0.0.1:9102", KeyBind: "127.0.0.1:9103",
		QueryAddr: "127.0.0.1:9101", PushAddr: "127.0.0.1:9102",
		Issuer: "parley", Audience: "parley", LogLevel: "info", LogFormat: "text", DrainAfter: 10 * time.Second,
	}
}
