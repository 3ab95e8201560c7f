// This file makes what a Kafka broker needs besides its jars: a formatted log folder to copy, and a class archive.

package servers

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// installSource changes whenever the code below does, so that an old cache is made anew.
const installSource = "kafka install 1"

// kafkaHome returns the cache folder: lib/ with the jars, template/ a formatted log folder, classes.jsa the archive.
func kafkaHome(ctx context.Context, log io.Writer) (home, javaPath string, err error) {
	javaPath, err = java(ctx, log)
	if err != nil {
		return "", "", err
	}
	home, err = jars(ctx, log, "kafka", installSource, func(home string) error {
		if err := formatTemplate(ctx, home, javaPath); err != nil {
			return err
		}
		return archiveClasses(ctx, log, home, javaPath)
	})
	return home, javaPath, err
}

// formatTemplate runs Kafka's storage tool once and for all: what it writes (the first records of the metadata log)
// is the same for every cluster but for the ids in meta.properties, and running it costs each test most of a second.
func formatTemplate(ctx context.Context, home, javaPath string) error {
	template := filepath.Join(home, "template")
	settings := filepath.Join(home, "template.properties")
	node := kafkaNode{id: 1, port: firstPort, controllerPort: firstPort + 1, logDir: template}
	if err := os.WriteFile(settings, []byte(node.properties([]*kafkaNode{&node}, nil)), 0o644); err != nil {
		return err
	}
	args := append(quickJVM(""), "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", filepath.Join(home, "lib", "*"),
		"kafka.tools.StorageTool", "format", "-t", randomID(), "-c", settings)
	if out, err := exec.CommandContext(ctx, javaPath, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("format Kafka's log folder: %w: %s", err, lastLines(out))
	}
	return nil
}

// archiveClasses runs a broker for a moment and has the JVM write down the classes it loaded: a third less CPU for
// every later start. A machine where that fails only starts slower.
func archiveClasses(ctx context.Context, log io.Writer, home, javaPath string) error {
	dir, err := os.MkdirTemp("", "parley-kafka-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	k, err := newKafka(KafkaConfig{Dir: dir}, home, javaPath)
	if err != nil {
		return err
	}
	defer k.Close()
	archive := filepath.Join(home, "classes.jsa")
	p := k.nodes[0].process
	for i, arg := range p.args {
		if strings.HasPrefix(arg, "-XX:SharedArchiveFile=") {
			p.args[i] = "-XX:ArchiveClassesAtExit=" + archive
		}
	}
	if err := k.start(ctx); err != nil {
		return err
	}
	if err := p.terminate(); err != nil {
		return err
	}
	if err := p.awaitExit(time.Minute); err != nil {
		fmt.Fprintf(log, "no class archive for Kafka, brokers start slower: %v\n", err)
	}
	return nil
}

// format makes a log folder from the template unless it is one already.
func (n *kafkaNode) format(home, clusterID string) error {
	meta := filepath.Join(n.logDir, "meta.properties")
	if _, err := os.Stat(meta); err == nil {
		return nil
	}
	if err := os.CopyFS(n.logDir, os.DirFS(filepath.Join(home, "template"))); err != nil {
		return fmt.Errorf("format %s: %w", n.logDir, err)
	}
	text := fmt.Sprintf("version=1\ncluster.id=%s\nnode.id=%d\ndirectory.id=%s\n", clusterID, n.id, randomID())
	return os.WriteFile(meta, []byte(text), 0o644)
}

// randomID is an id as Kafka writes them: 16 bytes in URL-safe base64, not beginning with a dash.
func randomID() string {
	var raw [16]byte
	for {
		rand.Read(raw[:])
		if id := base64.RawURLEncoding.EncodeToString(raw[:]); id[0] != '-' {
			return id
		}
	}
}
