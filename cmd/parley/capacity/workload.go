// The workload: how many users there are, and what they do.

package capacity

import (
	"errors"
	"fmt"

	"github.com/parley-im/parley/topology"
)

// Workload is how many users there are and what they do: everything that a capacity plan starts from.
type Workload struct {
	Users         float64 `json:"users"`
	Online        float64 `json:"online"`         // share of them that is connected
	Messages      float64 `json:"messages"`       // that one sends in a day
	Direct        float64 `json:"direct"`         // share of messages to one other person
	GroupMean     float64 `json:"group_mean"`     // members of the group that a group message goes to
	GroupLargest  int     `json:"group_largest"`  // members
	Conversations float64 `json:"conversations"`  // of one user
	Peak          float64 `json:"peak"`           // busiest second against the mean of the day
	MessageBytes  float64 `json:"message_bytes"`  // of text
	Receipts      float64 `json:"receipts"`       // for each message and receiver
	Connects      float64 `json:"connects"`       // of a user in a day
	Replication   int     `json:"replication"`    // of the log and of the documents
	Retention     float64 `json:"retention_days"` // for which history is paid for
	Standby       bool    `json:"standby"`        // hot standbys read the tables too
	Spare         int     `json:"spare"`          // machines of each kind beyond what is needed
}

// Presets are workloads to start from. A flag that is given wins.
var Presets = map[string]Workload{
	"small": {Users: 10_000, Online: 0.2, Messages: 40, Direct: 0.7, GroupMean: 10, GroupLargest: 64, Conversations: 20, Peak: 4,
		MessageBytes: 200, Receipts: 1, Connects: 10, Replication: 3, Retention: 365, Spare: 1},
	"10m": {Users: 10_000_000, Online: 0.2, Messages: 40, Direct: 0.7, GroupMean: 10, GroupLargest: 64, Conversations: 20, Peak: 3,
		MessageBytes: 200, Receipts: 1, Connects: 10, Replication: 3, Retention: 365, Spare: 1},
	"1b": {Users: 1_000_000_000, Online: 0.2, Messages: 40, Direct: 0.7, GroupMean: 10, GroupLargest: 64, Conversations: 20, Peak: 2,
		MessageBytes: 200, Receipts: 1, Connects: 10, Replication: 3, Retention: 365, Spare: 1},
}

// DefaultPreset is used unless another one is named.
const DefaultPreset = "10m"

// maxUsers is more people than there are.
const maxUsers = 1e10

// Check fails for a workload that makes no sense, and says which flag to correct.
func (c Workload) Check() error {
	share := func(x float64) bool { return x >= 0 && x <= 1 }
	fanOut := topology.House().FanOut
	for _, rule := range []struct {
		holds bool
		want  string
	}{
		{c.Users >= 2 && c.Users <= maxUsers, fmt.Sprintf("--users %g: want 2 to %g", c.Users, maxUsers)},
		{share(c.Online), fmt.Sprintf("--online %g: want a share between 0 and 1, such as 0.2", c.Online)},
		{c.Messages > 0, fmt.Sprintf("--messages %g: want how many one user sends in a day, more than 0", c.Messages)},
		{share(c.Direct), fmt.Sprintf("--direct %g: want a share between 0 and 1; the rest goes to groups", c.Direct)},
		{c.Direct == 1 || c.GroupMean >= 2, fmt.Sprintf("--group-mean %g: want 2 members or more", c.GroupMean)},
		{c.Direct == 1 || float64(c.GroupLargest) >= c.GroupMean, fmt.Sprintf("--group-largest %d is smaller than --group-mean %g", c.GroupLargest, c.GroupMean)},
		{c.GroupLargest <= fanOut, fmt.Sprintf("--group-largest %d: at most %d members: each message is written to every inbox, and only that was measured", c.GroupLargest, fanOut)},
		{c.Conversations >= 1, fmt.Sprintf("--conversations %g: want 1 or more for each user", c.Conversations)},
		{c.Peak >= 1, fmt.Sprintf("--peak %g: want 1 or more: the busiest second is not below the mean", c.Peak)},
		{c.MessageBytes >= 1 && c.MessageBytes <= 16_384, fmt.Sprintf("--message-bytes %g: want 1 to 16384", c.MessageBytes)},
		{share(c.Receipts), fmt.Sprintf("--receipts %g: want a share between 0 and 1", c.Receipts)},
		{c.Connects >= 0, fmt.Sprintf("--connects %g: want how often one user connects in a day", c.Connects)},
		{c.Replication >= 1 && c.Replication <= 7, fmt.Sprintf("--replication %d: want 1 to 7", c.Replication)},
		{c.Retention > 0, fmt.Sprintf("--retention %g: want days, more than 0", c.Retention)},
		{c.Spare >= 0, fmt.Sprintf("--spare %d: want 0 or more machines", c.Spare)},
	} {
		if !rule.holds {
			return errors.New(rule.want)
		}
	}
	return nil
}
