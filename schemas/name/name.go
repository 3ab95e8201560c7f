// Package name holds the grammar of ids: valid names of users, devices and conversations, and how names are composed.
//
// A key is user[/rest]; the part before the first '/' is the user who owns the key and decides its partition.
// A group has a user of its own ("g-..."), which is its conversation's home: "g-.../main".
// A direct conversation is named by its two people, home first: Direct("ann", "bob").
package name

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// MaxID is the longest user or device id, in bytes.
const MaxID = 64

// groupPrefix marks the users that are groups; no person's id may start with it.
const groupPrefix = "g-"

// ValidID reports whether s may name a user or a device: ^[a-zA-Z0-9][a-zA-Z0-9._-]{0,63}$, read byte by byte, because this
// is asked several times for every record.
func ValidID(s string) bool {
	if s == "" || len(s) > MaxID {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case i > 0 && (c == '.' || c == '_' || c == '-'):
		default:
			return false
		}
	}
	return true
}

// ValidPerson reports whether s may name a person: a user that is not a group.
func ValidPerson(s string) bool { return ValidID(s) && !strings.HasPrefix(s, groupPrefix) }

// ValidConversation reports whether s is home/conversation with a home that fits its kind.
func ValidConversation(s string) bool {
	home, rest, ok := strings.Cut(s, "/")
	if !ok || !ValidID(home) || !ValidID(rest) {
		return false
	}
	if IsGroup(s) {
		return true
	}
	first, _ := homeFirst(home, rest)
	return ValidPerson(rest) && home != rest && first == home
}

// Group is the conversation of the group whose unique part is u (lower case).
func Group(u string) string { return groupPrefix + u + "/main" }

// GroupMadeBy is the group that a person's command creates. It is named after the command, so that a command which is sent
// again, through any gateway, names the same group.
func GroupMadeBy(user, device string, clientSeq uint64) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s/%s/%d", user, device, clientSeq))
	return Group(hex.EncodeToString(sum[:16]))
}

// IsGroup reports whether a conversation is a group's.
func IsGroup(conversation string) bool { return strings.HasPrefix(conversation, groupPrefix) }

// Direct is the conversation of two different people.
func Direct(a, b string) string {
	home, other := homeFirst(a, b)
	return home + "/" + other
}

// homeFirst is two people with the home of their conversation first. It is chosen by hash, so that nobody
// becomes a hot spot by having the first name in the alphabet. FNV-1a is written out because every record needs it.
func homeFirst(a, b string) (home, other string) {
	if a > b {
		a, b = b, a
	}
	const offset, prime = 2166136261, 16777619
	h := uint32(offset)
	for i := range len(a) {
		h = (h ^ uint32(a[i])) * prime
	}
	h = (h ^ '/') * prime
	for i := range len(b) {
		h = (h ^ uint32(b[i])) * prime
	}
	if h&1 == 1 {
		a, b = b, a
	}
	return a, b
}

// Peer is the other person of a direct conversation, or "" when user is not one of its two people.
func Peer(conversation, user string) string {
	home, other, ok := strings.Cut(conversation, "/")
	switch {
	case !ok || IsGroup(conversation):
		return ""
	case user == home:
		return other
	case user == other:
		return home
	}
	return ""
}

// Bookmark is the key of a person's bookmark of a conversation.
func Bookmark(user, conversation string) string { return user + "/" + conversation }

// SplitBookmark takes a bookmark's key apart.
func SplitBookmark(key string) (user, conversation string, ok bool) {
	user, conversation, ok = strings.Cut(key, "/")
	return user, conversation, ok && ValidID(user) && ValidConversation(conversation)
}
