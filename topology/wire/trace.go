// This file carries W3C trace context in record headers.

package wire

import (
	"context"

	"go.opentelemetry.io/otel/propagation"

	"github.com/parley-im/parley/topology"
)

// headerCarrier lets otel's propagation read and write a list of headers.
type headerCarrier struct{ headers *[]topology.Header }

// Get returns a header's text.
func (c headerCarrier) Get(name string) string {
	for _, h := range *c.headers {
		if h.Key == name {
			return string(h.Value)
		}
	}
	return ""
}

// Set writes a header, replacing one of its name.
func (c headerCarrier) Set(name, value string) {
	for i, h := range *c.headers {
		if h.Key == name {
			(*c.headers)[i].Value = []byte(value)
			return
		}
	}
	*c.headers = append(*c.headers, topology.Header{Key: name, Value: []byte(value)})
}

// Keys lists the names.
func (c headerCarrier) Keys() []string {
	names := make([]string, len(*c.headers))
	for i, h := range *c.headers {
		names[i] = h.Key
	}
	return names
}

// Inject adds the context's traceparent to the headers, if it has one.
func Inject(ctx context.Context, headers []topology.Header) []topology.Header {
	propagation.TraceContext{}.Inject(ctx, headerCarrier{&headers})
	return headers
}

// Extract returns the context with the remote span that the headers name.
func Extract(ctx context.Context, headers []topology.Header) context.Context {
	return propagation.TraceContext{}.Extract(ctx, headerCarrier{&headers})
}
