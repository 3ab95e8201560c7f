// Rows that were written beforehand are rows that the machines take: a partner's row answers for the partner alone, and
// the conversation goes on with the next message.

package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/parley-im/parley/processors"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/schemas/name"
	"github.com/parley-im/parley/test/walk"
	"github.com/parley-im/parley/topology"
)

func TestRowsOfACrowdGoOn(t *testing.T) {
	plan := topology.House()
	c := crowd{tag: "grow", users: 1_000}
	const talker = 19
	ann, first, other := c.name(2*talker), c.name(c.partner(talker, 0)), c.name(c.partner(talker, 3))
	require.Len(t, other, len(first))
	require.NotEqual(t, first, other)
	require.Less(t, other, ann)
	require.True(t, name.ValidPerson(other))
	like, err := templates(plan, ann, first)
	require.NoError(t, err)
	require.Len(t, like, 4)
	row := bytes.ReplaceAll(like[sequencer], []byte(first), []byte(other))

	h := walk.New(plan)
	device := h.Device(ann, "load")
	device.CreateAccount()
	h.Run()
	asked := device.SendText(name.Direct(ann, other), "hello")
	h.Step("outbox", asked.Partition)
	commands := h.Records("conversation.commands")
	command := commands[len(commands)-1]
	machine, ok := processors.Machine(plan, sequencer)
	require.True(t, ok)
	next, said := machine.Fold(1, row, &command)
	require.NotNil(t, next)
	require.Len(t, said, 3, "an event, and a word to each of the two")
	e := &pb.ConversationEvent{}
	require.NoError(t, e.UnmarshalVT(said[0].Value))
	require.NotNil(t, e.GetMessageSent())
	_, refused := machine.Fold(1, nil, &command)
	require.NotEqual(t, len(said), len(refused), "without the row nobody may talk")
}
