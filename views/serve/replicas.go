// Where the replicas of the query service are: a name with several addresses is looked up at intervals.

package serve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/cloudwego/kitex/pkg/discovery"
	"github.com/cloudwego/kitex/pkg/loadbalance/lbcache"
	"github.com/cloudwego/kitex/pkg/rpcinfo"
)

// lookUpInterval is how often names are looked up, in the background: a replica that started or stopped is known after it.
const lookUpInterval = 5 * time.Second

// replicas resolves to all addresses of all given ones (host:port, where a host may be a headless service's name).
func replicas(addresses []string) discovery.Resolver {
	target := strings.Join(addresses, ",")
	return &discovery.SynthesizedResolver{
		TargetFunc: func(context.Context, rpcinfo.EndpointInfo) string { return target },
		ResolveFunc: func(ctx context.Context, target string) (discovery.Result, error) {
			found, err := lookUp(ctx, strings.Split(target, ","))
			if err != nil {
				return discovery.Result{}, err
			}
			instances := make([]discovery.Instance, len(found))
			for i, address := range found {
				instances[i] = discovery.NewInstance("tcp", address, discovery.DefaultWeight, nil)
			}
			return discovery.Result{Cacheable: true, CacheKey: target, Instances: instances}, nil
		},
		NameFunc: func() string { return serviceName + " at " + target }, // Kitex keeps one resolver a name for the whole process
	}
}

// lookUp finds every address of the given ones. One name that is not known does not hide the others.
func lookUp(ctx context.Context, addresses []string) ([]string, error) {
	var found []string
	var failed error
	for _, address := range addresses {
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		hosts, err := net.DefaultResolver.LookupHost(ctx, host)
		if err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		for _, h := range hosts {
			found = append(found, net.JoinHostPort(h, port))
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("no replica of the query service can be found: %w", failed)
	}
	slices.Sort(found)
	return slices.Compact(found), nil
}

// lookUps makes Kitex look names up again in the background.
var lookUps = lbcache.Options{RefreshInterval: lookUpInterval, Cacheable: true}
