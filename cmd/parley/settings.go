// Settings: one struct, filled from defaults, one YAML file and the environment, and documented from its own tags.

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/providers/structs"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/cobra"

	"github.com/parley-im/parley/gateways/door"
	"github.com/parley-im/parley/topology"
)

// Settings of `parley run`. Every field can stand in the file under its name and in the environment as PARLEY_NAME,
// with hyphens as underscores.
type Settings struct {
	Brokers       string        `koanf:"brokers" doc:"Kafka bootstrap servers, comma separated"`
	KafkaCA       string        `koanf:"kafka-ca" doc:"file with the CA of the brokers' certificates (PEM); empty = no TLS"`
	KafkaCert     string        `koanf:"kafka-cert" doc:"file with this process's certificate (PEM) for mutual TLS"`
	KafkaKey      string        `koanf:"kafka-key" doc:"file with its private key (PEM)"`
	KafkaUser     string        `koanf:"kafka-user" doc:"SASL user; empty = no SASL"`
	KafkaPassword string        `koanf:"kafka-password" doc:"SASL password; better in the environment than in a file"`
	ClusterID     string        `koanf:"cluster-id" doc:"expected Kafka cluster id; empty = do not check"`
	Partitions    int32         `koanf:"partitions" doc:"partitions of every keyed topic; a power of two, fixed for the life of the log"`
	Replication   int16         `koanf:"replication" doc:"replicas of every topic; 1 only for development"`
	Data          string        `koanf:"data" doc:"folder for local stores and keys"`
	Instance      string        `koanf:"instance" doc:"stable name of this process for static group membership (a pod's name); empty = host name"`
	Session       time.Duration `koanf:"session-timeout" doc:"a member of a group that is not heard of for this long loses its partitions"`
	Standby       bool          `koanf:"hot-standby" doc:"keep copies of the other processors' tables, for a takeover without recovery"`
	Lane          string        `koanf:"lane" doc:"swimlane of this process; empty = the main one"`

	CommandRate  int `koanf:"commands-per-person" doc:"commands a second that one person may send, sustained; the same for every process and fixed for the life of the log"`
	CommandBurst int `koanf:"commands-at-once" doc:"commands that one person may send at once; fixed in the same way"`
	FanOut       int `koanf:"fan-out" doc:"most members of a group: every inbox of theirs gets every message; fixed in the same way"`

	Connections           int     `koanf:"connections" doc:"connections of one gateway"`
	ConnectionsPerUser    int     `koanf:"connections-per-person" doc:"connections of one person to one gateway"`
	ConnectionsPerAddress int     `koanf:"connections-per-address" doc:"connections of one address to one gateway"`
	EntersPerAddress      float64 `koanf:"enters-per-address" doc:"new connections a second of one address, in bursts of four seconds"`
	FramesPerConnection   float64 `koanf:"frames-per-connection" doc:"frames a second of one connection, in bursts of four seconds"`
	FramesPerUser         float64 `koanf:"frames-per-person" doc:"frames a second of one person over all connections, in bursts of four seconds"`

	PresenceLease time.Duration `koanf:"presence-lease" doc:"for which somebody is shown as there after a gateway crashed; renewed after two thirds of it; at most 1h"`

	Redis     string `koanf:"redis" doc:"Redis address, host:port or redis:// URL"`
	Documents string `koanf:"documents" doc:"where documents are kept: mongodb://... or pebble (under data; one process only)"`

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
	Development bool          `koanf:"development" doc:"serve /v1/dev/people with tokens for everybody; never outside of one's own machine"`
	LogLevel    string        `koanf:"log-level" doc:"debug, info, warn or error"`
	LogFormat   string        `koanf:"log-format" doc:"text or json"`
	Profile     bool          `koanf:"profile" doc:"serve /debug/pprof on the admin address"`
	DrainAfter  time.Duration `koanf:"drain" doc:"how long a gateway that stops lets its connections move elsewhere"`
}

// defaults are for a cluster on one's own machine, as `make kafka redis mongo` starts it.
func defaults() Settings {
	house, limits := topology.House(), door.Limits{}.OrDefaults()
	return Settings{
		CommandRate: house.CommandRate, CommandBurst: house.CommandBurst, FanOut: house.FanOut,
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

// load reads defaults, then the file (if named), then the environment; the last one wins. An unknown name is an error.
func load(path string) (Settings, error) {
	k := koanf.New(".")
	if err := k.Load(structs.Provider(defaults(), "koanf"), nil); err != nil {
		return Settings{}, err
	}
	known := map[string]bool{}
	for _, name := range k.Keys() {
		known[name] = true
	}
	if path != "" {
		if err := k.Load(file.Provider(path), yaml.Parser()); err != nil {
			return Settings{}, fmt.Errorf("settings file %s: %w", path, err)
		}
	}
	fromEnv := env.Provider(".", env.Opt{Prefix: envPrefix, TransformFunc: func(name, value string) (string, any) {
		setting := strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(name, envPrefix)), "_", "-")
		if !known[setting] {
			return "", nil // PARLEY_REAL and the like are not ours
		}
		return setting, value
	}})
	if err := k.Load(fromEnv, nil); err != nil {
		return Settings{}, err
	}
	for _, name := range k.Keys() {
		if !known[name] {
			return Settings{}, fmt.Errorf("settings file %s: no setting is called %q; `parley settings` lists them", path, name)
		}
	}
	var s Settings
	return s, k.Unmarshal("", &s)
}

const envPrefix = "PARLEY_"

type setting struct {
	Name    string `json:"name"`
	Env     string `json:"env"`
	Default string `json:"default"`
	Doc     string `json:"doc"`
}

// documented lists the settings as the struct's tags describe them.
func documented() []setting {
	v := reflect.ValueOf(defaults())
	var all []setting
	for i := range v.NumField() {
		tag := v.Type().Field(i).Tag
		name := tag.Get("koanf")
		all = append(all, setting{
			Name:    name,
			Env:     envPrefix + strings.ToUpper(strings.ReplaceAll(name, "-", "_")),
			Default: fmt.Sprint(v.Field(i).Interface()),
			Doc:     tag.Get("doc"),
		})
	}
	return all
}

func settingsCommand() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:   "settings",
		Short: "List every setting with its default and its environment variable",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return render(c.OutOrStdout(), output, documented(), func(w io.Writer) error {
				tab := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
				fmt.Fprintln(tab, "SETTING\tENVIRONMENT\tDEFAULT\tMEANING")
				for _, s := range documented() {
					fmt.Fprintf(tab, "%s\t%s\t%s\t%s\n", s.Name, s.Env, s.Default, s.Doc)
				}
				return tab.Flush()
			})
		},
	}
	outputFlag(c, &output)
	return c
}

// outputFlag adds --output text|json, the same on every command that prints data.
func outputFlag(c *cobra.Command, output *string) {
	c.Flags().StringVarP(output, "output", "o", "text", "text or json")
	_ = c.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"text", "json"}, cobra.ShellCompDirectiveNoFileComp))
}

// render prints data as JSON, or as the text that the function writes.
func render(w io.Writer, output string, data any, text func(io.Writer) error) error {
	switch output {
	case "json":
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(data)
	case "text":
		return text(w)
	}
	return fmt.Errorf("--output %s: want text or json", output)
}
