// Asks: nobody becomes a member or is invited unless that person's account allows it, so three commands wait for an answer
// before they have their outcome. What waits stands in the row, sorted by user.

package conversation

import (
	"slices"
	"strings"

	"github.com/parley-im/parley/processors/machine"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// MaxAsks is the limit of accounts being asked.
const MaxAsks = 64

func findAsk(asks []*pb.Ask, user string) (int, bool) {
	return slices.BinarySearchFunc(asks, user, func(a *pb.Ask, user string) int {
		return strings.Compare(a.User, user)
	})
}

// ask adds to a decision that an account is asked on behalf of a command; client_seq 0 = the command had its outcome already.
func (in input) ask(d decision, ask *pb.Ask) decision {
	d.Events = append(d.Events, asked{ask})
	d.Outputs = append(d.Outputs, machine.Output{Key: ask.User, Message: &pb.AccountCommand{
		Word: &pb.AccountCommand_AskJoin{AskJoin: &pb.AskJoin{
			Conversation: in.stamp.Key, By: ask.Origin.User,
		}},
	}})
	return d
}

// asked is that an account is being asked. It stays inside.
type asked struct{ *pb.Ask }

// Apply implements machine.Event.
func (a asked) Apply(row *pb.ConversationRow) {
	if i, ok := findAsk(row.Asks, a.User); !ok {
		row.Asks = inserted(row.Asks, i, a.Ask)
	}
}

// asked counts the accounts that are being asked, for an invitation or for a member.
func (in input) asked(invite bool) (count int) {
	for _, ask := range in.row.Asks {
		if ask.Invite == invite {
			count++
		}
	}
	return count
}
