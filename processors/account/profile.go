// The account itself and its display name.

package account

import pb "github.com/parley-im/parley/schemas/gen/parleyv1"

func createAccount(in input, p *pb.AccountRequest_CreateAccount) decision {
	if in.row.GetExists() {
		return in.refuse(pb.Reason_REASON_ALREADY_EXISTS)
	}
	return in.emitAndTell(&pb.AccountEvent{Word: &pb.AccountEvent_AccountCreated{
		AccountCreated: &pb.AccountCreated{DisplayName: p.CreateAccount.DisplayName},
	}})
}

func changeProfile(in input, p *pb.AccountRequest_ChangeProfile) decision {
	return in.emitAndTell(&pb.AccountEvent{Word: &pb.AccountEvent_ProfileChanged{
		ProfileChanged: &pb.ProfileChanged{DisplayName: p.ChangeProfile.DisplayName},
	}})
}
