// Limits of a session: whatever grows or waits has its bound here, with its unit.

package session

// Limits and times of a session.
const (
	HelloTimeoutMS     = 5_000  // milliseconds from connection to hello
	HeartbeatMS        = 20_000 // milliseconds of silence after which each side sends something
	SeenEveryMS        = 1_000  // milliseconds between two marks of one conversation
	ViewsBehindMS      = 60_000 // milliseconds for which an event that ends a membership outweighs answers of the views, which may lag
	TypingEveryMS      = 1_000  // milliseconds between two typing whispers in one conversation
	TypingMembersMS    = 30_000 // milliseconds for which the members of a conversation are kept, for typing only
	DrainTimeoutMS     = 2_000  // milliseconds for which a draining gateway waits for commands in flight
	SubscribeTimeoutMS = 1_000  // milliseconds for which a difference waits for the subscription to be confirmed

	// Coming and going is recorded; a renewal only matters when a gateway crashed and could not record the end. So leases
	// are long: renewals of everybody who is present are records that are kept for ever.
	LeaseMS    = 15 * 60_000     // milliseconds that a presence lives without renewal, and after the crash of a gateway
	MaxLeaseMS = 60 * 60_000     // milliseconds that accounts grant at most
	RenewMS    = LeaseMS * 2 / 3 // milliseconds between renewals on average

	GapWaitMS          = 200   // milliseconds for which a gap may close by itself
	RepairBackoffMS    = 200   // milliseconds before the first retry of a repair; doubled each time
	MaxRepairBackoffMS = 5_000 // milliseconds between two retries at most
	MaxRepairs         = 8     // retries without progress before the client has to take a snapshot

	MaxHello      = 12 << 10  // bytes of the first frame, before anybody is known
	MaxSending    = 64        // commands of a session in flight
	MaxAsking     = 16        // queries of a client in flight
	MaxHeld       = 128       // frames held before welcome
	MaxBuffered   = 256       // pushed events that wait for a gap to close
	MaxSeen       = 64        // conversations whose membership and pending marks are kept
	MaxTypists    = 16        // conversations whose members are kept, for typing only
	MaxMalformed  = 16        // malformed frames before a client is cut
	MaxWhisper    = 1024      // bytes of a whisper
	MaxTypingTo   = 64        // users that a typing whisper goes to
	PageEvents    = 100       // events queried at once in a repair
	MaxEvents     = 100       // events in a frame
	MaxEventsSize = 256 << 10 // bytes of events in a frame, about; one event may be larger
)

// Defaults of a client's queries.
const (
	DefaultDifference = 200 // events
	DefaultList       = 50  // conversations
	DefaultHistory    = 50  // messages
)
