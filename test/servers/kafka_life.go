// This file starts, stops, kills and pauses the brokers of a running Kafka.

package servers

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
)

// External tells whether the server was named by PARLEY_TEST_KAFKA: it is shared, and cannot be stopped.
func (k *KafkaServer) External() bool { return len(k.nodes) == 0 }

// Start starts brokers that were stopped or killed, with the data and ports they had, and returns when they answer.
// While less than a majority of the brokers runs, none can answer, and Start does not wait.
func (k *KafkaServer) Start(brokers ...int) error { return k.start(context.Background(), brokers...) }

// Stop shuts brokers down in good order (SIGTERM).
func (k *KafkaServer) Stop(brokers ...int) error {
	nodes, err := k.pick(brokers)
	if err != nil {
		return err
	}
	for _, n := range nodes {
		err = errors.Join(err, n.process.terminate())
	}
	for _, n := range nodes {
		err = errors.Join(err, n.process.awaitExit(stopGrace))
	}
	return err
}

// Kill ends brokers with kill -9.
func (k *KafkaServer) Kill(brokers ...int) error {
	return k.each(brokers, func(n *kafkaNode) error { return n.process.kill() })
}

// Pause freezes brokers (SIGSTOP): their connections stay, and nothing answers.
func (k *KafkaServer) Pause(brokers ...int) error {
	return k.each(brokers, func(n *kafkaNode) error { return n.process.signal(syscall.SIGSTOP) })
}

// Resume wakes paused brokers (SIGCONT).
func (k *KafkaServer) Resume(brokers ...int) error {
	return k.each(brokers, func(n *kafkaNode) error { return n.process.signal(syscall.SIGCONT) })
}

// Close ends all brokers and gives back ports and temporary folders. Data that nobody keeps need no good order.
func (k *KafkaServer) Close() error {
	var err error
	if running := k.runningNumbers(); k.keep && len(running) > 0 {
		err = k.Stop(running...)
	}
	for _, n := range k.nodes {
		if n.process != nil {
			err = errors.Join(err, n.process.kill())
		}
	}
	k.ports.release()
	if k.cleanUp != nil {
		err = errors.Join(err, k.cleanUp())
	}
	return err
}

// Exited is closed when the first broker's process ends.
func (k *KafkaServer) Exited() <-chan struct{} {
	if k.External() {
		return nil
	}
	return k.nodes[0].process.exited
}

// LogTail is what every broker complained of at the end of its log; what it merely tells would bury a test's own words.
func (k *KafkaServer) LogTail() string {
	var b strings.Builder
	for _, n := range k.nodes {
		fmt.Fprintf(&b, "--- %s\n", n.process.name)
		for line := range strings.Lines(n.process.tail()) {
			if !strings.Contains(line, " INFO ") {
				b.WriteString(line)
			}
		}
	}
	return b.String()
}

func (k *KafkaServer) start(ctx context.Context, brokers ...int) error {
	nodes, err := k.pick(brokers)
	if err != nil {
		return err
	}
	for _, n := range nodes {
		if err := n.process.start(); err != nil {
			return err
		}
	}
	live := k.live()
	if 2*len(live) <= len(k.nodes) {
		return nil
	}
	for _, n := range nodes {
		ask := func(ctx context.Context) error { return askKafka(ctx, addrAt(n.host, n.port), len(live)) }
		if err := n.process.awaitReady(ctx, ask); err != nil {
			return err
		}
	}
	return nil
}

// live lists the nodes that run and are not paused.
func (k *KafkaServer) live() []*kafkaNode {
	var live []*kafkaNode
	for _, n := range k.nodes {
		if n.process.running() && !n.process.isPaused() {
			live = append(live, n)
		}
	}
	return live
}

func (k *KafkaServer) runningNumbers() []int {
	var numbers []int
	for i, n := range k.nodes {
		if n.process != nil && n.process.running() {
			numbers = append(numbers, i)
		}
	}
	return numbers
}

func (k *KafkaServer) each(brokers []int, do func(*kafkaNode) error) error {
	nodes, err := k.pick(brokers)
	for _, n := range nodes {
		err = errors.Join(err, do(n))
	}
	return err
}

// pick finds brokers by number; none means all.
func (k *KafkaServer) pick(brokers []int) ([]*kafkaNode, error) {
	if k.External() {
		return nil, ErrExternal
	}
	if len(brokers) == 0 {
		return k.nodes, nil
	}
	var nodes []*kafkaNode
	for _, b := range brokers {
		if b < 0 || b >= len(k.nodes) {
			return nil, fmt.Errorf("there is no broker %d: they are counted from 0 to %d", b, len(k.nodes)-1)
		}
		nodes = append(nodes, k.nodes[b])
	}
	return nodes, nil
}
