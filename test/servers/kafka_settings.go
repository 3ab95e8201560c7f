// This file holds the settings of a broker fit for tests, and the JVM flags that make it start fast.

package servers

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// quickJVM is for processes that live for seconds: no second compiler, no parallel collector, classes from an archive.
func quickJVM(archive string) []string {
	flags := []string{
		"-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-Xshare:auto", "-Xlog:cds=off", "-Xlog:cds+dynamic=off",
		"-Dorg.slf4j.simpleLogger.showDateTime=true", "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
	}
	if archive != "" {
		flags = append(flags, "-XX:SharedArchiveFile="+archive)
	}
	return flags
}

// properties is the node's server.properties in a cluster of all.
func (n *kafkaNode) properties(all []*kafkaNode, own map[string]string) string {
	var voters []string
	for _, o := range all {
		voters = append(voters, fmt.Sprintf("%d@%s", o.id, addrAt(o.host, o.controllerPort)))
	}
	settings := testSettings(len(all))
	maps.Copy(settings, map[string]string{
		"process.roles":              "broker,controller",
		"node.id":                    fmt.Sprint(n.id),
		"controller.quorum.voters":   strings.Join(voters, ","),
		"listeners":                  "PLAINTEXT://" + addrAt(n.host, n.port) + ",CONTROLLER://" + addrAt(n.host, n.controllerPort),
		"advertised.listeners":       "PLAINTEXT://" + addrAt(n.host, n.port),
		"controller.listener.names":  "CONTROLLER",
		"inter.broker.listener.name": "PLAINTEXT",
		"log.dirs":                   filepath.ToSlash(n.logDir),
	})
	maps.Copy(settings, own)
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(settings)) {
		fmt.Fprintf(&b, "%s=%s\n", key, settings[key])
	}
	return b.String()
}

// testSettings differ from production where waiting or size would be all a test gets from production's value.
func testSettings(brokers int) map[string]string {
	replicas, inSync := min(brokers, 3), 1
	if replicas == 3 {
		inSync = 2
	}
	return map[string]string{
		// A misspelt topic is an error, not a new topic.
		"auto.create.topics.enable":  "false",
		"num.partitions":             "1",
		"default.replication.factor": fmt.Sprint(replicas),
		"min.insync.replicas":        fmt.Sprint(inSync),

		// Groups: no waiting for more members, and dead members are noticed in test time.
		"group.initial.rebalance.delay.ms":         "0",
		"group.min.session.timeout.ms":             "500",
		"group.consumer.min.session.timeout.ms":    "500",
		"group.consumer.min.heartbeat.interval.ms": "50",

		// Inner topics: few partitions, for each costs files and time at every start.
		"offsets.topic.num.partitions":                     "4",
		"offsets.topic.replication.factor":                 fmt.Sprint(replicas),
		"offsets.topic.segment.bytes":                      "16777216",
		"transaction.state.log.num.partitions":             "2",
		"transaction.state.log.replication.factor":         fmt.Sprint(replicas),
		"transaction.state.log.min.isr":                    fmt.Sprint(inSync),
		"transaction.state.log.segment.bytes":              "16777216",
		"share.coordinator.state.topic.num.partitions":     "1",
		"share.coordinator.state.topic.replication.factor": fmt.Sprint(replicas),
		"share.coordinator.state.topic.min.isr":            fmt.Sprint(inSync),

		// Size: default index files are 10 MiB each, the cleaner's buffer is 128 MiB of heap.
		"log.index.size.max.bytes":        "1048576",
		"log.cleaner.dedupe.buffer.size":  "8388608",
		"log.cleaner.backoff.ms":          "1000",
		"num.network.threads":             "2",
		"num.io.threads":                  "4",
		"background.threads":              "2",
		"num.replica.fetchers":            "1",
		"queued.max.requests":             "100",
		"log.retention.check.interval.ms": "10000",

		// A killed broker is noticed, and let in again, sooner than after production's nine seconds.
		"broker.heartbeat.interval.ms":          "500",
		"broker.session.timeout.ms":             "3000",
		"controller.quorum.election.timeout.ms": "500",
		"controller.quorum.fetch.timeout.ms":    "1500",
	}
}
