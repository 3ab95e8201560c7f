// Package settings holds every setting of Parley: one struct, filled from defaults, one YAML file and the environment, and
// documented from its own tags. It also says what the settings mean to each hall, so that no command assembles that itself.
package settings

import "time"

// Settings are the settings of a process. Each field is set in the file under its name, or in the environment as PARLEY_NAME,
// with underscores for hyphens.
type Settings struct {
	Brokers       string        `koanf:"brokers" doc:"Kafka bootstrap servers, comma separated"`
	KafkaCA       string        `koanf:"kafka-ca" doc:"file with the CA of the brokers' certificates (PEM); empty = no TLS"`
	KafkaCert     string        `koanf:"kafka-cert" doc:"file with this process's certificate (PEM) for mutual TLS"`
	KafkaKey      string        `koanf:"kafka-key" doc:"file with its private key (PEM)"`
	KafkaUser     string        `koanf:"kafka-user" doc:"SASL user; empty = no SASL"`
	KafkaPassword string        `koanf:"kafka-password" doc:"SASL password; prefer the environment to a file"`
	ClusterID     string        `koanf:"cluster-id" doc:"expected Kafka cluster id; empty = do not check"`
	Partitions    int32         `koanf:"partitions" doc:"partitions of every keyed topic; a power of two, fixed for the life of the log"`
	Replication   int16         `koanf:"replication" doc:"replicas of every topic; 1 only for development"`
	Data          string        `koanf:"data" doc:"folder for local stores and keys"`
	Instance      string        `koanf:"instance" doc:"stable name of this process for static group membership, such as a pod's name; empty = host name"`
	Session       time.Duration `koanf:"session-timeout" doc:"a consumer group member that sends no heartbeat for this long loses its partitions"`
	Standby       bool          `koanf:"hot-standby" doc:"keep copies of the other processors' tables, for a takeover without recovery"`
	Lane          string        `koanf:"lane" doc:"swimlane of this process; empty = the main one"`

	CommandRate  int `koanf:"commands-per-person" doc:"sustained commands per second from one user; the same for every process and fixed for the life of the log"`
	CommandBurst int `koanf:"commands-at-once" doc:"commands that one user may send in a burst; fixed in the same way"`
	FanOut       int `koanf:"fan-out" doc:"maximum members of a group: each message is written to the inbox of every member; fixed in the same way"`

	Connections           int     `koanf:"connections" doc:"maximum connections of one gateway"`
	ConnectionsPerUser    int     `koanf:"connections-per-person" doc:"maximum connections of one user to one gateway"`
	ConnectionsPerAddress int     `koanf:"connections-per-address" doc:"maximum connections of one address to one gateway"`
	EntersPerAddress      float64 `koanf:"enters-per-address" doc:"new connections per second from one address, in bursts of four seconds"`
	FramesPerConnection   float64 `koanf:"frames-per-connection" doc:"frames per second of one connection, in bursts of four seconds"`
	FramesPerUser         float64 `koanf:"frames-per-person" doc:"frames per second of one user over all connections, in bursts of four seconds"`

	PresenceLease time.Duration `koanf:"presence-lease" doc:"how long a user is shown as online after a gateway crashed; renewed after two thirds of it; at most 1h"`

	Redis     string `koanf:"redis" doc:"Redis address, host:port or redis:// URL"`
	Documents string `koanf:"documents" doc:"document store: a mongodb:// URI, or pebble (under data; one process only)"`

	HTTP        string        `koanf:"http" doc:"address that the gateway listens on: WebSocket, HTTP and the page"`
	Admin       string        `koanf:"admin" doc:"address for /livez, /readyz and /metrics; never a public one"`
	QueryBind   string        `koanf:"query-listen" doc:"address that the query service listens on"`
	PushBind    string        `koanf:"push-listen" doc:"address that the dispatcher listens on"`
	KeyBind     string        `koanf:"key-listen" doc:"address that the key service listens on"`
	QueryAddr   string        `koanf:"query" doc:"addresses of query services, comma separated"`
	PushAddr    string        `koanf:"push" doc:"addresses of dispatchers, comma separated, or one DNS name that resolves to all of them"`
	KeyAddr     string        `koanf:"keys" doc:"address of the key service; empty = keys in this process, under data"`
	Origins     string        `koanf:"origins" doc:"allowed Origin hosts of browsers besides the gateway's own, comma separated"`
	TokenKey    string        `koanf:"token-key" doc:"file with the public key (PEM or JWK) that tokens are checked with; empty = development key under data"`
	Issuer      string        `koanf:"token-issuer" doc:"required iss of tokens"`
	Audience    string        `koanf:"token-audience" doc:"required aud of tokens"`
	LogFeed     bool          `koanf:"log-feed" doc:"serve /v1/log, the growing log without contents; development only"`
	Development bool          `koanf:"development" doc:"serve /v1/dev/people with tokens for every development user; only on a developer's own machine"`
	LogLevel    string        `koanf:"log-level" doc:"debug, info, warn or error"`
	LogFormat   string        `koanf:"log-format" doc:"text or json"`
	Profile     bool          `koanf:"profile" doc:"serve /debug/pprof on the admin address"`
	DrainAfter  time.Duration `koanf:"drain" doc:"how long a gateway that stops gives its connections to move to another one"`
}
