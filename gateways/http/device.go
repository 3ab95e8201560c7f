// Devices of the gateway's own, for requests that name none: one a person, with its own counter, one command at a time.

package http

import (
	"sync"

	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"
)

// readerDevice is the device of requests that only read.
const readerDevice = "http"

// devices keeps the device of each person. A forgotten one begins anew under another id, because its number is forgotten too.
type devices struct {
	mu   sync.Mutex
	kept *lru.Cache[string, *device]
}

// device is a device of the gateway for one person. Its lock is held for the length of a command: the log takes the
// numbers of a device in order.
type device struct {
	sync.Mutex
	id   string
	next uint64
}

func newDevices() *devices {
	kept, err := lru.New[string, *device](MaxDevices)
	if err != nil {
		panic(err) // only for a size below 1
	}
	return &devices{kept: kept}
}

// of gives the device of a person.
func (d *devices) of(user string) *device {
	d.mu.Lock()
	defer d.mu.Unlock()
	if found, ok := d.kept.Get(user); ok {
		return found
	}
	fresh := new(device)
	fresh.renew()
	d.kept.Add(user, fresh)
	return fresh
}

// renew begins anew: what became of the last number is not known.
func (d *device) renew() {
	d.id, d.next = "http-"+uuid.Must(uuid.NewV7()).String(), 1
}
