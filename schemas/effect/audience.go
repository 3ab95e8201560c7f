// Who is told of an event: its members before it, and the people that it concerns.

package effect

import "slices"

// AppendConcerned appends the people that the event is about. They are told of it although they are no members before it, or
// none after it; so whoever joins is told of that, and whoever is removed is told of that and of nothing later.
func (e Effect) AppendConcerned(users []string) []string {
	for _, m := range e.Joins {
		users = append(users, m.GetUser())
	}
	for _, user := range []string{e.Leaves, e.Invites, e.Settles} {
		if user != "" {
			users = append(users, user)
		}
	}
	return users
}

// Audience is who is told of the event, sorted, each once. It may change the slice of members, who are those before the event
// or those after it: the difference between the two is concerned.
func (e Effect) Audience(members []string) []string {
	users := e.AppendConcerned(members)
	slices.Sort(users)
	return slices.Compact(users)
}

// Members are the members after the event, sorted, each once. It may change the slice of members before it.
func (e Effect) Members(before []string) []string {
	for _, m := range e.Joins {
		before = append(before, m.GetUser())
	}
	after := slices.DeleteFunc(before, func(user string) bool { return e.Leaves != "" && user == e.Leaves })
	slices.Sort(after)
	return slices.Compact(after)
}
