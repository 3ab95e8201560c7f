// Houses in which people do anything in any order, producers repeat themselves and groups fold again: all of it is clean.

package audit_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/schemas/name"
	"github.com/parley-im/parley/test/walk"
	"github.com/parley-im/parley/topology"
)

var people = []string{"ann", "bob", "carl", "zoe"} // Zoe has no account

// act lets somebody do something, or something go wrong.
func act(t *rapid.T, h *walk.House, devices []*walk.Device) {
	d, other := rapid.SampledFrom(devices).Draw(t, "device"), rapid.SampledFrom(people).Draw(t, "other")
	group, r := name.Group("hike"), &pb.ConversationRequest{}
	switch rapid.IntRange(0, 11).Draw(t, "verb") {
	case 0:
		d.OpenDirect(other)
		return
	case 1:
		r.Word = &pb.ConversationRequest_AddMember{AddMember: &pb.AddMember{User: other}}
	case 2:
		r.Word = &pb.ConversationRequest_InviteMember{InviteMember: &pb.InviteMember{User: other}}
	case 3:
		r.Word = &pb.ConversationRequest_AcceptInvitation{AcceptInvitation: &pb.AcceptInvitation{}}
	case 4:
		r.Word = &pb.ConversationRequest_RemoveMember{RemoveMember: &pb.RemoveMember{User: other}}
	case 5:
		r.Word = &pb.ConversationRequest_LeaveConversation{LeaveConversation: &pb.LeaveConversation{}}
	case 6:
		d.AskAccount(&pb.AccountRequest{Word: &pb.AccountRequest_BlockPerson{BlockPerson: &pb.BlockPerson{User: other}}})
		return
	case 7:
		d.Seen(group, rapid.Uint64Range(0, 9).Draw(t, "delivered"), rapid.Uint64Range(0, 9).Draw(t, "read"))
		return
	case 8: // a client whose earlier command was lost
		d.Seq += 2
		d.SendText(group, "too early")
		d.Seq -= 3
		return
	case 9: // a producer that did not hear some acks says everything since then again
		since := rapid.IntRange(0, 20).Draw(t, "since")
		writer := rapid.SampledFrom(small().Groups).Draw(t, "writer").Number
		log := h.Log()
		for _, r := range log[max(len(log)-since, 0):] {
			if c, err := topology.UnpackCause(r.Get(topology.HeaderCause)); err == nil && c.Group == writer {
				h.Repeat(r)
			}
		}
		return
	case 10:
		for p := range small().Partitions {
			h.Rewind(rapid.SampledFrom(small().Groups).Draw(t, "group").Name, p, 0)
		}
		return
	default:
		d.SendText(rapid.SampledFrom([]string{group, name.Direct(d.User, other)}).Draw(t, "where"), "x")
		return
	}
	d.Ask(group, r)
}

func TestWhateverPeopleDoTheLogIsClean(t *testing.T) {
	repeats := int64(0)
	rapid.Check(t, func(r *rapid.T) {
		h := walk.New(small())
		var devices []*walk.Device
		for _, user := range people {
			devices = append(devices, h.Device(user, "phone"), h.Device(user, "tv"))
			if user != "zoe" {
				devices[len(devices)-2].CreateAccount()
			}
		}
		h.Run()
		devices[0].CreateGroup("hike", "Hike", "bob")
		h.Run()
		for range rapid.IntRange(1, 60).Draw(r, "acts") {
			act(r, h, devices)
			for range rapid.IntRange(0, 6).Draw(r, "steps") {
				h.Step(rapid.SampledFrom(small().Groups).Draw(r, "group").Name, rapid.Int32Range(0, small().Partitions-1).Draw(r, "partition"))
			}
		}
		h.Run()
		a := hear(r, small(), memory{})
		records := h.Log()
		for i := range records {
			require.NoError(r, a.Take(&records[i]))
		}
		a.Check(split(records).end(small()))
		if len(a.told) > 0 {
			r.Fatalf("violations: %v", a.told)
		}
		c := a.Counts()
		require.Zero(r, c.Unseen+c.Parked+c.Pending)
		repeats += c.Repeats
	})
	require.Positive(t, repeats, "nobody repeated anything: this proves little")
}
