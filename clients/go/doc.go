// Package parley is the Go client of Parley.
//
// A Client is one device of one person. It keeps a WebSocket to a gateway open and comes back by itself when the connection
// breaks; it numbers the commands of the device, sends each until its outcome is known, and delivers the events of the inbox
// in order, each once. What a device must remember between two runs of the program is its State.
//
//	client, err := parley.New(parley.Config{
//		Address:  "https://chat.example.org",
//		DeviceID: "bot-1",
//		Token:    func(context.Context) (string, error) { return os.Getenv("TOKEN"), nil },
//		OnEvent:  func(e *pb.Event) { ... },
//	})
//	go client.Run(ctx)
//	outcome, err := client.Send(ctx, parley.Text("ann/bob", "hello"))
//
// HTTP is for programs that only send or read now and then: each call is one request, without any state.
//
// The files, from the bottom up: limits and errors; outbox and inbox, which are pure; link, which is one connection; client and
// receive, which join them; command and ask, what a program asks for; http and problem, which need none of the others.
package parley
