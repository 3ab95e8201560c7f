// The first people of a development house, made through the front door like anybody else.

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/encoding/protojson"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/schemas/name"
)

// devConversation is the direct conversation that the ready line's curl writes to.
var devConversation = name.Direct("ann", "bob")

var firstPeople = []struct{ user, name string }{
	{"ann", "Ann Lovelace"}, {"bob", "Bob Hopper"}, {"cleo", "Cleo Lamarr"}, {"dan", "Dan Ritchie"},
}

const (
	seedDevice   = "first-day"
	seedPatience = 30 * time.Second
	seedMark     = "seeded" // file under data: the people are there
)

// seed makes the people and their conversations, once.
func seed(ctx context.Context, s Settings) error {
	mark := s.dir(seedMark)
	if _, err := os.Stat(mark); err == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, seedPatience)
	defer cancel()
	hands := map[string]*seeder{}
	g, all := errgroup.WithContext(ctx)
	for _, p := range firstPeople {
		token, err := s.mint(p.user)
		if err != nil {
			return err
		}
		h := &seeder{url: "http://" + s.HTTP, token: token}
		hands[p.user] = h
		g.Go(func() error {
			_, err := h.send(all, "", &pb.Send{Word: &pb.Send_CreateAccount{CreateAccount: &pb.SendProfile{DisplayName: p.name}}})
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	g, all = errgroup.WithContext(ctx)
	g.Go(func() error { return seedDirect(all, hands["ann"], hands["bob"]) })
	g.Go(func() error { return seedGroup(all, hands["cleo"]) })
	if err := g.Wait(); err != nil {
		return err
	}
	return os.WriteFile(mark, nil, 0o600)
}

func seedDirect(ctx context.Context, ann, bob *seeder) error {
	if _, err := ann.send(ctx, "", &pb.Send{Word: &pb.Send_OpenDirect{OpenDirect: &pb.SendOpenDirect{Peer: "bob"}}}); err != nil {
		return err
	}
	for _, line := range []struct {
		who  *seeder
		text string
	}{
		{ann, "Did my last message arrive?"},
		{bob, "It did. And you can prove it now: open the log below and watch this one walk through it."},
		{ann, "Unplug me, write something, and plug me in again. Nothing is lost."},
	} {
		if _, err := line.who.send(ctx, devConversation, text(line.text)); err != nil {
			return err
		}
	}
	return nil
}

func seedGroup(ctx context.Context, cleo *seeder) error {
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

// seeder sends commands over HTTP in one person's name.
type seeder struct {
	url, token string
	seq        uint64
}

// send sends the person's next command and waits for its outcome; it returns the conversation.
func (h *seeder) send(ctx context.Context, conversation string, s *pb.Send) (string, error) {
	h.seq++
	s.ClientSeq, s.Conversation = h.seq, conversation
	command, err := protojson.Marshal(s)
	if err != nil {
		return "", err
	}
	body, err := json.Marshal(map[string]any{"device_id": seedDevice, "send": json.RawMessage(command)})
	if err != nil {
		return "", err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url+"/v1/commands", bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	r.Header.Set("Authorization", "Bearer "+h.token)
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", err
	}
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s: %s", resp.Status, b)
	}
	var answer struct {
		Conversation string `json:"conversation"`
	}
	return answer.Conversation, json.Unmarshal(b, &answer)
}
