// The address of a client, as far as it can be trusted.

package door

import (
	"net/http"
	"net/netip"
	"strings"
)

// Address returns the network from which a request came. Behind a proxy of our own only the entry of X-Forwarded-For that
// this proxy added, the last, is believed.
func Address(r *http.Request, trustProxy bool) string {
	if trustProxy {
		if list := r.Header.Values("X-Forwarded-For"); len(list) > 0 {
			last := list[len(list)-1]
			if i := strings.LastIndexByte(last, ','); i >= 0 {
				last = last[i+1:]
			}
			if ip, err := netip.ParseAddr(strings.TrimSpace(last)); err == nil {
				return network(ip)
			}
		}
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return network(peer.Addr())
}

// network is what counts as one address: of IPv6 the first 64 bits, because one subscriber has all of the rest.
func network(ip netip.Addr) string {
	const subscriberBits = 64
	if ip = ip.Unmap(); ip.Is6() {
		if prefix, err := ip.WithZone("").Prefix(subscriberBits); err == nil {
			return prefix.String()
		}
	}
	return ip.String()
}
