// The function for a payload, by the payload's type: each machine has one table of them instead of a switch.

package machine

// Handler handles payloads of one type, and reports whether a payload is of that type.
type Handler[In, Out any] func(in In, payload any) (out Out, handled bool)

// On makes a handler of a function.
func On[In, Payload, Out any](handle func(in In, payload Payload) Out) Handler[In, Out] {
	return func(in In, payload any) (out Out, handled bool) {
		p, ok := payload.(Payload)
		if !ok {
			return out, false
		}
		return handle(in, p), true
	}
}

// Handlers are the payloads that a machine knows. They are tried one after another, so what comes most often stands first.
type Handlers[In, Out any] []Handler[In, Out]

// Handle handles a payload; false = no handler is for its type.
func (h Handlers[In, Out]) Handle(in In, payload any) (out Out, handled bool) {
	for _, handler := range h {
		if out, handled = handler(in, payload); handled {
			return out, true
		}
	}
	return out, false
}
