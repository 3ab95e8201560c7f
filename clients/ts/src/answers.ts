// How the answers to questions (snapshot, history, members) change what the device knows.
import type { Conversation, History, Members, Snapshot } from './frames'
import { itemOfMessage, withItem } from './item'
import { emptyTalk, raise, withPerson, withReadBefore, withTalk, type Member, type State, type Talk } from './state'

/** Everything below a snapshot's cursor is as the snapshot says; the device goes on from there. */
export function foldSnapshot(state: State, snapshot: Snapshot): State {
  const talks: Record<string, Talk> = {}
  let next = state
  for (const one of snapshot.conversations) {
    talks[one.conversation] = fromSnapshot(state.talks[one.conversation], one)
    if (one.peer && one.peerName) next = withPerson(next, one.peer, { name: one.peerName })
  }
  // A conversation that is open but not among the latest stays on the screen; its history is read again.
  const open = state.talks[state.open]
  if (open && !talks[state.open]) talks[state.open] = { ...open, items: [], loaded: false, more: true, membersKnown: false }
  return withReadBefore({ ...next, talks, cursor: snapshot.cursor, heard: snapshot.cursor.inboxSeq, snapshotNeeded: false })
}

function fromSnapshot(before: Talk | undefined, one: Conversation): Talk {
  // Items are kept only when nothing happened in between: otherwise they would hide a hole.
  const same = before !== undefined && before.loaded && before.seq === one.seq
  const items = same ? before.items : one.last ? [itemOfMessage(one.conversation, one.last)] : []
  return {
    ...(before ?? emptyTalk(one.conversation)),
    kind: one.kind,
    title: one.title,
    peer: one.peer,
    seq: one.seq,
    number: one.number,
    unread: one.unread,
    marks: one.marks,
    membership: one.membership,
    timeMs: one.timeMs,
    items,
    loaded: same,
    more: same ? before.more : one.number > 0,
    membersKnown: false,
  }
}

export function foldHistory(state: State, history: History): State {
  return withTalk(state, history.conversation, (talk) => {
    let items = talk.items
    for (const message of history.messages) items = withItem(items, itemOfMessage(history.conversation, message))
    return { ...talk, items, more: history.more, loaded: true }
  })
}

export function foldMembers(state: State, answer: Members): State {
  let next = state
  for (const one of answer.members) {
    const known = state.people[one.user]
    const name = one.displayName || known?.name || ''
    next = withPerson(next, one.user, { name, online: one.online, lastSeenMs: one.lastSeenMs })
  }
  return withTalk(next, answer.conversation, (talk) => {
    const members: Record<string, Member> = {}
    for (const one of answer.members) {
      if (talk.left?.includes(one.user)) continue
      const before = talk.members[one.user]
      const marks = before ? raise(before.marks, one.marks) : one.marks
      members[one.user] = { user: one.user, role: one.role, marks }
    }
    for (const user of talk.came ?? []) {
      const one = talk.members[user]
      if (one) members[user] ??= one
    }
    const kind = answer.kind === 'KIND_UNSPECIFIED' ? talk.kind : answer.kind
    const other = answer.members.find((one) => one.user !== state.user)?.user ?? ''
    const peer = kind === 'KIND_DIRECT' ? other || talk.peer : ''
    const isMember = state.user in members
    const membership = isMember ? 'MEMBERSHIP_MEMBER' : talk.membership
    return { ...talk, kind, peer, members, membership, title: answer.title || talk.title, membersKnown: true }
  })
}
