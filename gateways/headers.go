// The headers with which a command enters the log: everything that it causes carries the same correlation id.

package gateways

import (
	"context"
	"encoding/hex"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/trace"

	"github.com/parley-im/parley/gateways/door"
	"github.com/parley-im/parley/topology"
)

// tracer records spans if the process has set a provider since its start.
var (
	tracer     = otel.Tracer("parley/gateways")
	noProvider = otel.GetTracerProvider()
)

// withHeaders adds headers to each command that is produced.
func withHeaders(emit Emit) door.Emit {
	return func(topic, key string, value []byte, done func(error)) error {
		return emit(topic, key, value, headers(), done)
	}
}

// headers begin the correlation and the trace of a command.
func headers() []topology.Header {
	id := uuid.Must(uuid.NewV7())
	var at trace.SpanContext
	if otel.GetTracerProvider() != noProvider {
		_, span := tracer.Start(context.Background(), "command")
		defer span.End()
		at = span.SpanContext()
	}
	if !at.IsValid() { // no spans are recorded here: the trace id still correlates the records
		at = trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID(id), SpanID: trace.SpanID(id[8:])})
	}
	return []topology.Header{{Key: topology.HeaderCorrelation, Value: id[:]}, {Key: topology.HeaderTrace, Value: traceparent(at)}}
}

// traceparent encodes a span as W3C Trace Context does: version, trace, span, flags.
func traceparent(at trace.SpanContext) []byte {
	traceID, spanID, flags := at.TraceID(), at.SpanID(), at.TraceFlags()
	out := append(make([]byte, 0, len("00-")+2*len(traceID)+len("-")+2*len(spanID)+len("-00")), "00-"...)
	out = append(hex.AppendEncode(out, traceID[:]), '-')
	out = append(hex.AppendEncode(out, spanID[:]), '-')
	return hex.AppendEncode(out, []byte{byte(flags & trace.FlagsSampled)})
}
