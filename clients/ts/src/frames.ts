// The frames of the client protocol in TypeScript: client.proto, send.proto, event.proto and server.proto of schemas/parley/v1.
import { count, flag, list, message, names, small, some, text, type Of } from './shape'

export const Role = names('ROLE_UNSPECIFIED', 'ROLE_MEMBER', 'ROLE_ADMIN', 'ROLE_OWNER')
export type Role = Of<typeof Role>
export const ConversationKind = names('KIND_UNSPECIFIED', 'KIND_DIRECT', 'KIND_GROUP')
export type ConversationKind = Of<typeof ConversationKind>
export const Membership = names('MEMBERSHIP_UNSPECIFIED', 'MEMBERSHIP_MEMBER', 'MEMBERSHIP_INVITED', 'MEMBERSHIP_GONE')
export type Membership = Of<typeof Membership>
export const Code = names(
  'CODE_UNSPECIFIED',
  'CODE_INVALID',
  'CODE_TOO_LARGE',
  'CODE_UNAUTHENTICATED',
  'CODE_NOT_FOUND',
  'CODE_OVERLOADED',
  'CODE_UNAVAILABLE',
  'CODE_OUT_OF_ORDER',
)
export type Code = Of<typeof Code>
export const Reason = names(
  'REASON_UNSPECIFIED',
  'REASON_EXPECTED_OTHER_CLIENT_SEQ',
  'REASON_RATE_LIMITED',
  'REASON_SUSPENDED',
  'REASON_TOO_MANY_DEVICES',
  'REASON_NOT_A_MEMBER',
  'REASON_NOT_ALLOWED',
  'REASON_ALREADY_EXISTS',
  'REASON_PERSON_UNAVAILABLE',
  'REASON_LIMIT_REACHED',
  'REASON_NOT_FOUND',
  'REASON_INVALID',
  'REASON_BLOCKED',
)
export type Reason = Of<typeof Reason>

const empty = message({})
export const Cursor = message({ inboxSeq: count, epoch: count })
export type Cursor = Of<typeof Cursor>
export const Marks = message({ delivered: count, read: count })
export type Marks = Of<typeof Marks>
export const Member = message({ user: text, role: Role, sinceSeq: count, sinceNumber: count })

// Frames of a client.
const SendUser = message({ user: text })
const SendTitle = message({ title: text })
const SendProfile = message({ displayName: text })

/** The payloads of a command; exactly one is set in a Send. */
export const words = {
  text: some(message({ text, replyTo: count })),
  openDirect: some(message({ peer: text })),
  createGroup: some(message({ title: text, members: list(text) })),
  addMember: some(SendUser),
  inviteMember: some(SendUser),
  acceptInvitation: some(empty),
  declineInvitation: some(empty),
  removeMember: some(SendUser),
  leave: some(empty),
  rename: some(SendTitle),
  changeRole: some(message({ user: text, role: Role })),
  createAccount: some(SendProfile),
  changeProfile: some(SendProfile),
  block: some(SendUser),
  unblock: some(SendUser),
}
export const Send = message({ clientSeq: count, conversation: text, ...words })
export type Send = Of<typeof Send>
/** A command before it has its number. */
export type Command = Omit<Send, 'clientSeq'>

const OneConversation = message({ conversation: text })
const Typing = message({ conversation: text, user: text })
const Limit = message({ limit: small })

export const ClientFrame = message({
  id: count,
  hello: some(message({ token: text, deviceId: text, cursor: some(Cursor) })),
  send: some(Send),
  seen: some(message({ conversation: text, marks: Marks })),
  difference: some(message({ cursor: Cursor, limit: small })),
  snapshot: some(Limit),
  history: some(message({ conversation: text, beforeNumber: count, limit: small })),
  list: some(Limit),
  members: some(OneConversation),
  watch: some(message({ conversations: list(text) })),
  typing: some(Typing),
  ping: some(empty),
})
export type ClientFrame = Of<typeof ClientFrame>
export type ClientWord = Omit<ClientFrame, 'id'>

// Frames of a gateway.
export const Message = message({
  number: count,
  seq: count,
  sender: text,
  timeMs: count,
  text,
  replyTo: count,
  erased: flag,
})
export type Message = Of<typeof Message>

const EventMember = message({ user: text, role: Role, title: text, other: text })
export type EventMember = Of<typeof EventMember>
export const Receipt = message({ conversation: text, user: text, marks: Marks })
export type Receipt = Of<typeof Receipt>

export const Event = message({
  inboxSeq: count,
  epoch: count,
  timeMs: count,
  conversation: text,
  seq: count,
  number: count,
  user: text,
  deviceId: text,
  clientSeq: count,
  message: some(Message),
  created: some(message({ kind: ConversationKind, title: text, members: list(Member) })),
  invited: some(EventMember),
  declined: some(EventMember),
  joined: some(EventMember),
  left: some(EventMember),
  removed: some(EventMember),
  renamed: some(message({ title: text })),
  roleChanged: some(EventMember),
  blockChanged: some(message({ user: text, blocked: flag })),
  refused: some(message({ reason: Reason, expectedClientSeq: count })),
  account: some(message({ displayName: text, blocked: text, unblocked: text, created: flag, suspended: flag })),
  receipt: some(Receipt),
})
export type Event = Of<typeof Event>

export const Conversation = message({
  conversation: text,
  kind: ConversationKind,
  title: text,
  peer: text,
  peerName: text,
  seq: count,
  number: count,
  unread: count,
  marks: Marks,
  membership: Membership,
  last: some(Message),
  timeMs: count,
})
export type Conversation = Of<typeof Conversation>

export const Refused = message({ code: Code, detail: text, field: text, retryAfterMs: small, clientSeq: count })
export type Refused = Of<typeof Refused>
export const Welcome = message({ user: text, sessionId: text, timeMs: count, heartbeatMs: small, head: some(Cursor) })
export type Welcome = Of<typeof Welcome>
export const Difference = message({ events: list(Event), cursor: Cursor, more: flag, snapshotNeeded: flag })
export type Difference = Of<typeof Difference>
export const Snapshot = message({ cursor: Cursor, conversations: list(Conversation) })
export type Snapshot = Of<typeof Snapshot>
export const History = message({ conversation: text, messages: list(Message), more: flag })
export type History = Of<typeof History>
export const MemberState = message({
  user: text,
  role: Role,
  displayName: text,
  marks: Marks,
  online: flag,
  lastSeenMs: count,
})
export type MemberState = Of<typeof MemberState>
export const Members = message({ conversation: text, kind: ConversationKind, title: text, members: list(MemberState) })
export type Members = Of<typeof Members>
export const Presence = message({ user: text, online: flag, lastSeenMs: count })
export type Presence = Of<typeof Presence>
export const Goodbye = message({ detail: text, reconnect: flag, reconnectAfterMs: small })
export type Goodbye = Of<typeof Goodbye>

export const ServerFrame = message({
  re: count,
  welcome: some(Welcome),
  accepted: some(message({ clientSeq: count, conversation: text })),
  refused: some(Refused),
  events: some(message({ events: list(Event) })),
  difference: some(Difference),
  snapshot: some(Snapshot),
  history: some(History),
  list: some(message({ conversations: list(Conversation) })),
  members: some(Members),
  presence: some(Presence),
  receipt: some(Receipt),
  typing: some(Typing),
  pong: some(message({ head: some(Cursor) })),
  resync: some(message({ detail: text })),
  goodbye: some(Goodbye),
})
export type ServerFrame = Of<typeof ServerFrame>

/** The subprotocol of the WebSocket: one JSON frame a message. */
export const SUBPROTOCOL = 'parley.v1.json'
