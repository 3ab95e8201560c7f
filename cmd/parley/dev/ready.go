// What parley dev prints when it is ready.

package dev

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/parley-im/parley/cmd/parley/output"
	"github.com/parley-im/parley/cmd/parley/seed"
	"github.com/parley-im/parley/cmd/parley/settings"
)

// Ready is printed on one line with --output json, for scripts.
type Ready struct {
	URL   string `json:"url"`
	Pair  string `json:"pair"`
	Curl  string `json:"curl"`
	Admin string `json:"admin"`
	Kafka string `json:"kafka"`
	Redis string `json:"redis"`
	Query string `json:"query"`
	Data  string `json:"data"`
	Took  string `json:"took"`
}

func readyAt(s settings.Settings, took time.Duration) Ready {
	url := "http://" + s.HTTP
	return Ready{
		URL:  url,
		Pair: url + "/?as=ann&and=bob",
		Curl: fmt.Sprintf(`curl -s %s/v1/conversations/%s/messages -H "Authorization: Bearer $(%s token ann --data %s)" -d '{"text":"hello"}'`,
			url, seed.Conversation, os.Args[0], s.Data),
		Admin: "http://" + s.Admin, Kafka: s.Brokers, Redis: s.Redis, Query: s.QueryAddr, Data: s.Data, Took: took.Round(time.Millisecond).String(),
	}
}

func (r Ready) print(out io.Writer, o Options) error {
	if o.Output == output.JSON {
		e := json.NewEncoder(out)
		e.SetEscapeHTML(false) // people read the addresses too
		return e.Encode(r)
	}
	data := "everything is deleted when this ends; until then it is in"
	if o.Kept {
		data = "everything is kept in"
	}
	_, err := fmt.Fprintf(out, `
  Parley is ready (%s).

    page             %s
    two people       %s
    send by curl     %s

    Kafka %s   Redis %s   metrics %s/metrics
    %s %s

`, r.Took, r.URL, r.Pair, r.Curl, r.Kafka, r.Redis, r.Admin, data, r.Data)
	return err
}
