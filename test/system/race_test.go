// Races (class 25), under every other fault: people who block each other while they talk, and owners of clubs who throw
// members out and take them in again while these talk. They are a part of the load.

package system

import (
	"math/rand/v2"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

const (
	clubSize   = 4
	peacefully = 8 // of sixteen people who do not quarrel
)

// club is a group whose owner throws members out and takes them in.
type club struct {
	conversation string
	owner        string
	members      []string // without the owner
}

// found makes clubs of the people who quarrel: pairs stay together.
func (c *crowd) found() {
	first := len(c.people) * peacefully / 16 / clubSize * clubSize
	for i := first; i+clubSize <= len(c.people); i += clubSize {
		members := c.people[i : i+clubSize]
		k := &club{conversation: c.meet("a club", members), owner: members[0].user}
		for _, d := range members {
			c.clubs[d.user] = k
			if d.user != k.owner {
				k.members = append(k.members, d.user)
			}
		}
	}
}

// quarrel is one command of somebody in a club.
func (c *crowd) quarrel(d *device, k *club) {
	member := &pb.SendUser{User: k.members[rand.IntN(len(k.members))]}
	rival := &pb.SendUser{User: c.rival(d)}
	switch n := rand.IntN(8); {
	case n == 0:
		d.ask(&pb.Send{Word: &pb.Send_Block{Block: rival}})
	case n == 1:
		d.ask(&pb.Send{Word: &pb.Send_Unblock{Unblock: rival}})
	case n < 4 && d.user == k.owner:
		d.ask(&pb.Send{Conversation: k.conversation, Word: &pb.Send_RemoveMember{RemoveMember: member}})
	case n < 6 && d.user == k.owner:
		d.ask(&pb.Send{Conversation: k.conversation, Word: &pb.Send_AddMember{AddMember: member}})
	case n < 6:
		d.say(k.conversation)
	default:
		d.say(c.talks[d.user][0])
	}
}

// rival is the other one of a pair.
func (c *crowd) rival(d *device) string {
	for i, other := range c.people {
		if other == d {
			return c.people[i^1].user
		}
	}
	return d.user
}
