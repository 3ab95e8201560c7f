// Examples: they run against a gateway in memory.

package parley_test

import (
	"context"
	"errors"
	"fmt"

	parley "github.com/parley-im/parley/clients/go"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// A client connects, sends a message and prints what arrives.
func Example() {
	gateway := newStub()
	defer gateway.Close()

	arrived := make(chan string, 1)
	client, err := parley.New(parley.Config{
		Address:  gateway.URL,
		DeviceID: "bot-1",
		Token:    func(context.Context) (string, error) { return "ann", nil },
		OnEvent: func(e *pb.Event) {
			if m := e.GetMessage(); m != nil {
				arrived <- fmt.Sprintf("%s: %s", m.Sender, m.Text)
			}
		},
	})
	if err != nil {
		panic(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go client.Run(ctx)

	outcome, err := client.Send(ctx, parley.Text("ann/bob", "hello"))
	if err != nil {
		panic(err)
	}
	fmt.Println("message", outcome.Number, "in", outcome.Conversation)
	fmt.Println(<-arrived)
	// Output:
	// message 1 in ann/bob
	// ann: hello
}

// What a device must remember is its State: the next run continues where this one stopped.
func ExampleClient_State() {
	gateway := newStub()
	defer gateway.Close()
	cfg := parley.Config{
		Address:  gateway.URL,
		DeviceID: "bot-1",
		Token:    func(context.Context) (string, error) { return "ann", nil },
	}
	for run := range 2 {
		client, err := parley.New(cfg)
		if err != nil {
			panic(err)
		}
		ctx, stop := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- client.Run(ctx) }()
		if _, err := client.Send(ctx, parley.Text("ann/bob", fmt.Sprint("run ", run))); err != nil {
			panic(err)
		}
		stop()
		<-ended
		cfg.State = client.State()
		fmt.Println("sent", cfg.State.ClientSeq, "commands")
	}
	// Output:
	// sent 1 commands
	// sent 2 commands
}

// HTTP is for a script: one call, one message. A problem says what is wrong and what to do.
func ExampleHTTP() {
	gateway := newStub()
	defer gateway.Close()
	ctx, ann := context.Background(), &parley.HTTP{Address: gateway.URL, Token: "ann"}

	outcome, err := ann.Send(ctx, "", parley.Text("ann/bob", "hello"))
	if err != nil {
		panic(err)
	}
	fmt.Println("message", outcome.Number)

	_, err = ann.Send(ctx, "", parley.Text("eve/mallory", "hello"))
	var problem *parley.Problem
	if errors.As(err, &problem) {
		fmt.Println(problem.Status, problem.Reason)
	}
	// Output:
	// message 1
	// 403 REASON_NOT_A_MEMBER
}
