// Package seed creates the first users of a development deployment and their conversations, through the gateway like any client.
package seed

import (
	"context"
	"errors"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	parley "github.com/parley-im/parley/clients/go"
	"github.com/parley-im/parley/cmd/parley/settings"
	"github.com/parley-im/parley/cmd/parley/tokens"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/schemas/name"
)

// Conversation is the direct conversation of the first two users.
var Conversation = name.Direct("ann", "bob")

var users = []struct{ user, name string }{
	{"ann", "Ann Lovelace"}, {"bob", "Bob Hopper"}, {"cleo", "Cleo Lamarr"}, {"dan", "Dan Ritchie"},
}

const (
	device  = "first-day"
	timeout = 30 * time.Second
	mark    = "seeded" // file under the data folder: the users exist
)

// Run creates the users and their conversations, unless they exist already.
func Run(ctx context.Context, s settings.Settings) error {
	done := s.Dir(mark)
	if _, err := os.Stat(done); err == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	clients := map[string]*client{}
	g, all := errgroup.WithContext(ctx)
	for _, p := range users {
		token, err := tokens.Mint(s, p.user, tokens.Lifetime)
		if err != nil {
			return err
		}
		c := &client{HTTP: parley.HTTP{Address: "http://" + s.HTTP, Token: token}}
		clients[p.user] = c
		g.Go(func() error {
			_, err := c.send(all, "", &pb.Send{Word: &pb.Send_CreateAccount{CreateAccount: &pb.SendProfile{DisplayName: p.name}}})
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	g, all = errgroup.WithContext(ctx)
	g.Go(func() error { return direct(all, clients["ann"], clients["bob"]) })
	g.Go(func() error { return group(all, clients["cleo"]) })
	if err := g.Wait(); err != nil {
		return err
	}
	return os.WriteFile(done, nil, 0o600)
}

func direct(ctx context.Context, ann, bob *client) error {
	if _, err := ann.send(ctx, "", &pb.Send{Word: &pb.Send_OpenDirect{OpenDirect: &pb.SendOpenDirect{Peer: "bob"}}}); err != nil {
		return err
	}
	for _, line := range []struct {
		who  *client
		text string
	}{
		{ann, "Did my last message arrive?"},
		{bob, "It did. And you can prove it now: open the log below and watch this one walk through it."},
		{ann, "Unplug me, write something, and plug me in again. Nothing is lost."},
	} {
		if _, err := line.who.send(ctx, Conversation, text(line.text)); err != nil {
			return err
		}
	}
	return nil
}

func group(ctx context.Context, cleo *client) error {
	made, err := cleo.send(ctx, "", &pb.Send{Word: &pb.Send_CreateGroup{CreateGroup: &pb.SendCreateGroup{
		Title: "Picnic on Sunday", Members: []string{"ann", "bob", "dan"},
	}}})
	if err != nil {
		return err
	}
	_, err = cleo.send(ctx, made, text("Who brings the lemonade?"))
	return err
}

func text(s string) *pb.Send {
	return &pb.Send{Word: &pb.Send_Text{Text: &pb.SendText{Text: s}}}
}

// client sends the commands of one user in their order.
type client struct {
	parley.HTTP
	seq uint64
}

// send sends the user's next command and waits for its outcome; it returns the conversation.
func (c *client) send(ctx context.Context, conversation string, s *pb.Send) (string, error) {
	c.seq++
	s.ClientSeq, s.Conversation = c.seq, conversation
	outcome, err := c.HTTP.Send(ctx, device, s)
	switch {
	case err != nil:
		return "", err
	case outcome.Event == nil:
		return "", errors.New("the log did not decide in time")
	}
	return outcome.Conversation, nil
}
