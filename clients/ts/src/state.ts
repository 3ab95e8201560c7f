// The state of one device: what it knows, and the small changes that events, answers and commands have in common.
import type { ConversationKind, Cursor, Marks, Membership, Receipt, Role } from './frames'
import type { Item } from './item'
import * as out from './outbox'

/** How the connection stands. */
export type Line = 'new' | 'connecting' | 'online' | 'waiting' | 'unplugged' | 'refused' | 'ended'

export interface Member {
  user: string
  role: Role
  marks: Marks
}

export interface Talk {
  conversation: string
  kind: ConversationKind
  title: string
  peer: string
  seq: number
  number: number
  unread: number
  marks: Marks
  membership: Membership
  timeMs: number
  /** Contiguous up to the newest, sorted by seq. */
  items: Item[]
  /** There may be older ones. */
  more: boolean
  /** The newest page of history was read since the last snapshot. */
  loaded: boolean
  members: Record<string, Member>
  /** The members were read since the last snapshot. */
  membersKnown: boolean
  /** Who went and who came, as the inbox told; an answer of the views that is behind must not undo it. */
  left?: string[]
  came?: string[]
  /** People who block the other one of a direct conversation, as far as this device heard. */
  blocks: string[]
}

export interface Person {
  name: string
  online: boolean
  lastSeenMs: number
}

export interface Notice {
  key: string
  text: string
}

/** How the last reconnect went. */
export interface Resumed {
  /** Events applied between hello and being level with the head. */
  events: number
  /** True while it goes on. */
  running: boolean
}

export interface State {
  user: string
  deviceId: string
  line: Line
  trouble: string
  /** When the next attempt begins; milliseconds since 1970; 0 = none planned. */
  retryAtMs: number
  cursor?: Cursor
  /** Highest inbox_seq heard of; above the cursor something is missing. */
  heard: number
  /** The cursor is of another epoch, or the gateway said so: only a snapshot helps. */
  snapshotNeeded: boolean
  talks: Record<string, Talk>
  people: Record<string, Person>
  outbox: out.Outbox
  blocked: string[]
  typing: Record<string, Record<string, number>>
  notices: Notice[]
  resumed?: Resumed
  open: string
  /** Where the person had read when the conversation was opened; all, when nothing was unread. */
  readBefore?: number
  suspended: boolean
}

/** Notices that are shown at most; count. */
const MAX_NOTICES = 4

export function initial(user: string, deviceId: string, outbox = out.emptyOutbox, blocked: string[] = []): State {
  return {
    user,
    deviceId,
    line: 'new',
    trouble: '',
    retryAtMs: 0,
    heard: 0,
    snapshotNeeded: false,
    talks: {},
    people: {},
    outbox,
    blocked,
    typing: {},
    notices: [],
    open: '',
    suspended: false,
  }
}

export function emptyTalk(conversation: string): Talk {
  return {
    conversation,
    kind: conversation.startsWith('g-') ? 'KIND_GROUP' : 'KIND_DIRECT',
    title: '',
    peer: '',
    seq: 0,
    number: 0,
    unread: 0,
    marks: { delivered: 0, read: 0 },
    membership: 'MEMBERSHIP_UNSPECIFIED',
    timeMs: 0,
    items: [],
    more: true,
    loaded: false,
    members: {},
    membersKnown: false,
    blocks: [],
  }
}

export function withTalk(state: State, conversation: string, to: (talk: Talk) => Talk): State {
  const talk = to(state.talks[conversation] ?? emptyTalk(conversation))
  return { ...state, talks: { ...state.talks, [conversation]: talk } }
}

export function withNotice(state: State, notice: Notice): State {
  const others = state.notices.filter((one) => one.key !== notice.key)
  return { ...state, notices: [...others, notice].slice(-MAX_NOTICES) }
}

export function withPerson(state: State, user: string, change: Partial<Person>): State {
  if (!user) return state
  const before = state.people[user] ?? { name: '', online: false, lastSeenMs: 0 }
  return { ...state, people: { ...state.people, [user]: { ...before, ...change } } }
}

/** Marks only ever rise. */
export function raise(before: Marks, to: Marks): Marks {
  const read = Math.max(before.read, to.read)
  return { read, delivered: Math.max(before.delivered, to.delivered, read) }
}

/** Raises somebody's marks; one's own make what was read on another device read here. */
export function withReceipt(state: State, receipt: Receipt): State {
  const talk = state.talks[receipt.conversation]
  if (!talk) return state
  if (receipt.user === state.user) {
    const marks = raise(talk.marks, receipt.marks)
    const unread = Math.min(talk.unread, Math.max(0, talk.number - marks.read))
    return withTalk(state, receipt.conversation, (one) => ({ ...one, marks, unread }))
  }
  const member = talk.members[receipt.user] ?? {
    user: receipt.user,
    role: 'ROLE_MEMBER' as Role,
    marks: { delivered: 0, read: 0 },
  }
  const members = { ...talk.members, [receipt.user]: { ...member, marks: raise(member.marks, receipt.marks) } }
  return withTalk(state, receipt.conversation, (one) => ({ ...one, members }))
}

export function withTyping(state: State, conversation: string, user: string, untilMs: number): State {
  if (user === state.user) return state
  const here = { ...(state.typing[conversation] ?? {}) }
  if (untilMs > 0) here[user] = untilMs
  else delete here[user]
  return { ...state, typing: { ...state.typing, [conversation]: here } }
}

/** A conversation that this device asked for is opened by the first word of it: the gate's, or the log's where that was faster. */
export function withOpened(state: State, one: out.Pending, conversation: string): State {
  const opens = one.command.openDirect || one.command.createGroup
  return opens && !one.accepted ? { ...state, open: conversation, readBefore: undefined } : state
}

/** Remembers where the new ones begin, as soon as the open conversation is known. */
export function withReadBefore(state: State): State {
  const talk = state.talks[state.open]
  if (!talk || !state.cursor || state.readBefore !== undefined) return state
  return { ...state, readBefore: talk.unread > 0 ? talk.marks.read : Number.MAX_SAFE_INTEGER }
}
