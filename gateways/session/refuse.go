// Refusals: typed, with what to do about it. They use up no number of the client.

package session

import (
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// refuse sends a refusal.
func (s *Session) refuse(re uint64, r *pb.Refused) {
	s.emit(&pb.ServerFrame{Re: re, Word: &pb.ServerFrame_Refused{Refused: r}})
}

// unavailable refuses a query that the views did not answer.
func (s *Session) unavailable(re uint64) {
	s.refuse(re, &pb.Refused{Code: pb.Code_CODE_UNAVAILABLE, RetryAfterMs: RepairBackoffMS * 5,
		Detail: "the views do not answer now: ask again"})
}

// notFound refuses what does not exist or is not for this user; both look the same.
func (s *Session) notFound(re uint64, field string) {
	s.refuse(re, &pb.Refused{Code: pb.Code_CODE_NOT_FOUND, Field: field, Detail: "no such conversation, or you are not a member"})
}
