// Limits of a session: whatever grows or waits has its bound here, with its unit.

package session

// Limits and times of a session.
const (
	HelloWithinMS = 5_000  // milliseconds from connection to hello
	HeartbeatMS   = 20_000 // milliseconds of silence after which each side says something
	SeenEveryMS   = 1_000  // milliseconds between two marks of one conversation
	ViewsBehindMS = 60_000 // milliseconds for which an event that says "no member" outweighs answers of the views, which may be behind it
	TypingEveryMS = 1_000  // milliseconds between two signs of typing in one conversation
	TypingKnowMS  = 30_000 // milliseconds for which the members of a conversation are kept, for typing only
	DrainWithinMS = 2_000  // milliseconds for which a leaving gateway waits for commands that are out
	SubscribeMS   = 1_000  // milliseconds for which a difference waits for the subscription to be confirmed

	// Who comes and goes says so; a renewal only keeps somebody present whose gateway could not say the end. So leases are
	// long: renewals of everybody who is there are records for ever, and nobody reads them.
	LeaseMS   = 15 * 60_000     // milliseconds that a presence lives without renewal, and after the crash of a gateway
	LeaseMost = 60 * 60_000     // milliseconds that accounts grant at most
	RenewMS   = LeaseMS * 2 / 3 // milliseconds between renewals on average

	GapWaitMS    = 200   // milliseconds for which a gap may close by itself
	RepairMS     = 200   // milliseconds before the first repeat of a repair; doubled each time
	RepairMostMS = 5_000 // milliseconds between two repeats at most
	MaxRepairs   = 8     // repeats without progress before the client is told to take a snapshot

	MaxHello      = 12 << 10  // bytes of the first frame, before anybody is known
	MaxSending    = 64        // commands of a session that are not in the log yet
	MaxAsking     = 16        // questions of a client that are not answered yet
	MaxHeld       = 128       // answers kept before welcome
	MaxBuffered   = 256       // pushed events that wait for a gap to close
	MaxSeen       = 64        // conversations of which is known that the person is a member, with marks that wait to be written
	MaxTypists    = 16        // conversations whose members are kept, for typing only
	MaxGarbled    = 16        // unreadable frames before a client is cut
	MaxWhisper    = 1024      // bytes of a whisper
	MaxTypingTo   = 64        // people told that somebody types
	PageEvents    = 100       // events asked at once in a repair
	MaxEvents     = 100       // events in a frame
	MaxEventsSize = 256 << 10 // bytes of events in a frame, about; one event may be larger
)

// What a client gets when it names no number.
const (
	DefaultDifference = 200 // events
	DefaultList       = 50  // conversations
	DefaultHistory    = 50  // messages
)
