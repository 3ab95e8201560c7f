// The key service, and the keys of a gateway: from that service, or kept by the gateway's own process.

package run

import (
	"context"
	"net"

	"github.com/parley-im/parley/cmd/parley/settings"
	"github.com/parley-im/parley/gateways/seal"
)

// keyFolder holds the keys of a process that keeps them itself.
const keyFolder = "keys"

func runKeys(ctx context.Context, p *Process, ready func(bool)) error {
	if p.KeyAddr == "" { // the gateway of this process keeps the keys itself
		ready(true)
		return nil
	}
	store, err := seal.OpenStore(p.Dir(keyFolder))
	if err != nil {
		return err
	}
	defer store.Close()
	l, err := net.Listen("tcp", p.KeyBind)
	if err != nil {
		return err
	}
	ready(true)
	return seal.Serve(ctx, l, store)
}

// keys are the key service's, or those kept by this process.
func (p *Process) keys() (source seal.Source, closeKeys func(), err error) {
	if p.KeyAddr != "" {
		source, err := seal.Dial(settings.List(p.KeyAddr)...)
		return source, func() {}, err
	}
	store, err := seal.OpenStore(p.Dir(keyFolder))
	if err != nil {
		return nil, nil, err
	}
	return store, func() { _ = store.Close() }, nil
}
