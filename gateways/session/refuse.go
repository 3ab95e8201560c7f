// Refusals: typed, with what to do about it. They use up no number of the client.

package session

import (
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// refuse tells the client.
func (s *Session) refuse(re uint64, r *pb.Refused) {
	s.say(&pb.ServerFrame{Re: re, Word: &pb.ServerFrame_Refused{Refused: r}})
}

// unavailable refuses a question that the views did not answer.
func (s *Session) unavailable(re uint64) {
	s.refuse(re, &pb.Refused{Code: pb.Code_CODE_UNAVAILABLE, RetryAfterMs: RepairMS * 5,
		Detail: "the views do not answer now: ask again"})
}

// notFound refuses what is not there or not for this person; both look the same.
func (s *Session) notFound(re uint64, field string) {
	s.refuse(re, &pb.Refused{Code: pb.Code_CODE_NOT_FOUND, Field: field, Detail: "no such conversation, or you are not a member"})
}
