// How the events of an inbox change what the device knows: each exactly once, in the order of inbox_seq, without a hole.
import type { Event, EventMember, Message } from './frames'
import { itemOfEvent, withItem } from './item'
import * as out from './outbox'
import { withNotice, withOpened, withPerson, withReceipt, withTalk, type Member, type State, type Talk } from './state'

/** Applies what is contiguous with the cursor; what is beyond a hole is only remembered as heard of. */
export function applyEvents(state: State, events: Event[]): State {
  let now = state
  for (const event of events) now = applyEvent(now, event)
  return now
}

function applyEvent(state: State, event: Event): State {
  // What an event says about an own command is true wherever the cursor stands: after a new start the outcomes of older
  // commands are read from behind the snapshot.
  const settled = settle(state, event)
  const heard = Math.max(settled.heard, event.inboxSeq)
  const { cursor } = state
  if (!cursor) return { ...settled, heard }
  if (event.epoch !== cursor.epoch && cursor.inboxSeq > 0) return { ...settled, snapshotNeeded: true }
  if (event.inboxSeq !== cursor.inboxSeq + 1) return { ...settled, heard }
  const at = { inboxSeq: event.inboxSeq, epoch: event.epoch }
  const resumed = state.resumed?.running ? { ...state.resumed, events: state.resumed.events + 1 } : state.resumed
  const own = event.deviceId === state.deviceId ? out.find(state.outbox, event.clientSeq) : undefined
  return fold({ ...settled, heard, cursor: at, resumed }, event, own)
}

function settle(state: State, event: Event): State {
  if (event.deviceId !== state.deviceId || event.clientSeq === 0) return state
  const one = out.find(state.outbox, event.clientSeq)
  if (!one) return state
  if (!event.refused) {
    const next = { ...state, outbox: out.settle(state.outbox, event.clientSeq) }
    return event.created ? withOpened(next, one, event.conversation) : next
  }
  return refused(state, one, event.refused, event.conversation)
}

function refused(state: State, one: out.Pending, why: NonNullable<Event['refused']>, conversation: string): State {
  if (why.reason === 'REASON_EXPECTED_OTHER_CLIENT_SEQ') {
    return { ...state, outbox: out.expect(state.outbox, why.expectedClientSeq) }
  }
  const outbox = out.settle(state.outbox, one.clientSeq)
  const { command } = one
  const words = out.reasonInWords(why.reason)
  if (command.text) return { ...state, outbox: out.fail(outbox, one, words) }
  const next = { ...state, outbox }
  if (why.reason === 'REASON_ALREADY_EXISTS') {
    // The wish is fulfilled already: the account is there, the person blocked, the conversation open.
    if (command.createAccount) return next
    if (command.block) return { ...next, blocked: withBlocked(state.blocked, command.block.user, true) }
    if (command.openDirect) return withOpened(next, one, conversation)
  }
  if (why.reason === 'REASON_NOT_FOUND' && command.unblock) {
    return { ...next, blocked: withBlocked(state.blocked, command.unblock.user, false) }
  }
  return withNotice(next, { key: one.key, text: words })
}

function withBlocked(blocked: string[], user: string, on: boolean): string[] {
  const others = blocked.filter((one) => one !== user)
  return on ? [...others, user].sort() : others
}

function fold(state: State, event: Event, own: out.Pending | undefined): State {
  if (event.receipt) {
    return withReceipt(state, { ...event.receipt, conversation: event.receipt.conversation || event.conversation })
  }
  if (event.account) return foldAccount(state, event.account)
  if (event.refused || !event.conversation) return state
  return foldConversation(state, event, own)
}

function foldAccount(state: State, account: NonNullable<Event['account']>): State {
  // Each such event says one thing; the one that says none of the others is about the standing.
  const other = account.displayName || account.blocked || account.unblocked || account.created
  let next = other ? state : { ...state, suspended: account.suspended }
  if (account.displayName) next = withPerson(next, state.user, { name: account.displayName })
  if (account.blocked) next = { ...next, blocked: withBlocked(next.blocked, account.blocked, true) }
  if (account.unblocked) next = { ...next, blocked: withBlocked(next.blocked, account.unblocked, false) }
  return next
}

function foldConversation(state: State, event: Event, own: out.Pending | undefined): State {
  let next = withTalk(state, event.conversation, (talk) => {
    const at = { ...talk, seq: Math.max(talk.seq, event.seq), number: Math.max(talk.number, event.number), timeMs: event.timeMs }
    return event.message ? foldMessage(state, at, event, event.message) : foldMembership(state, at, event)
  })
  const item = itemOfEvent(event, own?.key)
  next = withTalk(next, event.conversation, (talk) => ({ ...talk, items: withItem(talk.items, item) }))
  if (event.message) next = stopTyping(next, event.conversation, event.message.sender || event.user)
  return next
}

function foldMessage(state: State, talk: Talk, event: Event, message: Message): Talk {
  const number = message.number || event.number
  const sender = message.sender || event.user
  if (sender === state.user) {
    // One's own send moves one's own mark.
    return { ...talk, number, unread: 0, marks: { delivered: number, read: number } }
  }
  return { ...talk, number, unread: number > talk.marks.read ? talk.unread + 1 : talk.unread }
}

function foldMembership(state: State, talk: Talk, event: Event): Talk {
  const me = (user: string) => user === state.user
  if (event.created) {
    const members: Record<string, Member> = {}
    for (const one of event.created.members) members[one.user] = newMember(one.user, one.role)
    const peer = event.created.kind === 'KIND_DIRECT' ? (Object.keys(members).find((user) => !me(user)) ?? '') : ''
    const { kind, title } = event.created
    // From its first event on, this device has everything.
    return { ...talk, kind, title, peer, members, membership: 'MEMBERSHIP_MEMBER', more: false, loaded: true }
  }
  if (event.invited) {
    if (!me(event.invited.user)) return talk
    return { ...talk, title: event.invited.title || talk.title, membership: 'MEMBERSHIP_INVITED' }
  }
  if (event.declined) return me(event.declined.user) ? { ...talk, membership: 'MEMBERSHIP_GONE' } : talk
  if (event.joined) return joined(talk, event.joined, me(event.joined.user))
  if (event.left) return gone(talk, event.left, me(event.left.user))
  if (event.removed) return gone(talk, event.removed, me(event.removed.user))
  if (event.renamed) return { ...talk, title: event.renamed.title }
  if (event.roleChanged) return roleChanged(talk, event.roleChanged)
  if (event.blockChanged) return { ...talk, blocks: withBlocked(talk.blocks, event.blockChanged.user, event.blockChanged.blocked) }
  return talk
}

function newMember(user: string, role: Member['role']): Member {
  return { user, role, marks: { delivered: 0, read: 0 } }
}

function joined(talk: Talk, who: EventMember, isMe: boolean): Talk {
  const members = { ...talk.members, [who.user]: newMember(who.user, who.role) }
  const left = talk.left?.filter((user) => user !== who.user)
  const came = [...(talk.came ?? []), who.user]
  const next = { ...talk, members, left, came, title: who.title || talk.title }
  if (!isMe) return { ...next, membersKnown: false }
  // Earlier ones were not for this person: the count begins here.
  return { ...next, membership: 'MEMBERSHIP_MEMBER', membersKnown: false, unread: 0, marks: { delivered: talk.number, read: talk.number } }
}

function gone(talk: Talk, who: EventMember, isMe: boolean): Talk {
  const members = { ...talk.members }
  delete members[who.user]
  const heir = who.other && members[who.other]
  if (heir) members[who.other] = { ...heir, role: 'ROLE_OWNER' }
  const left = [...(talk.left ?? []), who.user]
  const came = talk.came?.filter((user) => user !== who.user)
  return { ...talk, members, left, came, membership: isMe ? 'MEMBERSHIP_GONE' : talk.membership }
}

function roleChanged(talk: Talk, who: EventMember): Talk {
  const members = { ...talk.members }
  const member = members[who.user]
  if (member) members[who.user] = { ...member, role: who.role }
  const other = who.other && members[who.other]
  if (other) members[who.other] = { ...other, role: 'ROLE_ADMIN' }
  return { ...talk, members }
}

function stopTyping(state: State, conversation: string, user: string): State {
  const here = state.typing[conversation]
  if (!here?.[user]) return state
  const rest = { ...here }
  delete rest[user]
  return { ...state, typing: { ...state.typing, [conversation]: rest } }
}
