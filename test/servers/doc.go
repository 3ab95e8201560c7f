// Package servers starts real Apache Kafka, real Redis and a MongoDB-wire server for tests and developers' machines.
package servers
