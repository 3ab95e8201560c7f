// Package check checks histories: what clients asked, were told and were shown goes in, anomalies come out. It does not
// care how a history was got: the simulator, a campaign on real servers and a live system use the same checker.
//
//	c := check.New(check.Limits{Dir: dir})
//	for ... { err = c.Add(check.Event{...}) }
//	report, err := c.Close() // report.Clean(), report.Count, report.First
//
// The anomalies, by their letters; the count of each must be 0:
//
//	L lost        ok, or shown to anybody, and missing from the final read of somebody who may hear it
//	T late        ok before the heal, and first shown to somebody who may hear it after the deadline behind the heal
//	D duplicate   a session shows an operation twice, an operation stands under two seqs, a retry is answered differently
//	O order       (conversation, seq) and operation are no function of each other, or a session sees seq fall
//	G gap         a final inbox is not floor+1..head, or a session jumps without a resync
//	P phantom     shown, but never asked or refused
//	C causality   a reply is shown before what it answers, or stands not behind what its sender had seen
//	U unread      unread is not the number of the others' messages in (read, head]
//	R regression  a read mark falls within a session, or ends below or above the highest accepted one
//	V view        a document is not the fold of the log
//	K leak        a session is shown what it may not hear, or a body that was sealed for another conversation
//	S state       a table rebuilt, a local store and the fold of the input differ; also detected damage of the log itself
//
// It is independent: it neither folds nor imports what production code decides with (machines, schemas/effect), so that
// a mistake there cannot excuse itself here.
//
// X (resurrection) is not checked: nobody can edit or recall yet, so no history can have it, and no mutant shows it. K counts
// canaries too: whoever feeds a history puts the name of the conversation into every body and gives back what it finds there,
// also in what should have been nobody's (pushes, answers, logs). Causality holds within a conversation:
// two conversations have no common order, and none is promised.
//
// Any number of goroutines may add. Events of one session must come in the order in which they happened to it; all else in any order. Events are kept in
// memory up to a limit and then spread over files by conversation and by person, so a history of any length is checked
// bucket by bucket in bounded memory; a bucket that is too large is an error, never a silent loss.
//
//	event.go         an event; text.go reads and writes them as lines of JSON
//	check.go         the checker: keeps events, spreads them, collects what is found
//	conversation.go  what is checked within a conversation: L T D O P C K
//	person.go        what is checked within a person: G U R
//	spill.go         events in files
package check
