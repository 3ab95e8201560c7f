// Limits that clients of more than one library share. None of them is needed for correctness.

package cluster

import "time"

const (
	FirstBackoff     = 100 * time.Millisecond // before the first retry; doubled each time
	NetworkTimeout   = 10 * time.Second       // of one request; sarama's 30 s hides a dead broker
	SessionTimeout   = 10 * time.Second       // without a heartbeat, until the brokers give a member's partitions to another; the default
	HeartbeatShare   = 4                      // heartbeats in a session timeout; three may be lost
	RebalanceTimeout = 30 * time.Second       // members must drain and rejoin within; above the drain limit of groups

	QueryTimeout = 15 * time.Second      // for an answer about topics or offsets, retries included
	QueryBackoff = 50 * time.Millisecond // before such a question is asked again, because its leader had moved; doubled each time
)
