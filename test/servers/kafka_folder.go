// This file lets a test say where the brokers' data lie.

package servers

// Folder puts the brokers' data into a folder of the caller's, broker-1 and so on, which outlives the servers: each may be
// a disk of its own.
func Folder(dir string) KafkaOption {
	return kafkaOption(func(c *KafkaConfig) { c.Dir, c.Own = dir, true })
}
