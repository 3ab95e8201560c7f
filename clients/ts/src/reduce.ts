// The one function that changes the state: reduce(state, action) -> state. It has no clock, socket or storage: times come with
// the action, so every replay gives the same state.
import { foldHistory, foldMembers, foldSnapshot } from './answers'
import type { Command, Cursor, Event, History, Marks, Members, Presence, Receipt, Refused, Snapshot } from './frames'
import { applyEvents } from './inbox'
import * as out from './outbox'
import { withNotice, withOpened, withPerson, withReadBefore, withReceipt, withTyping, type Line, type Notice, type State } from './state'

export type Happening =
  | { is: 'line'; line: Line; trouble?: string; retryAtMs?: number }
  | { is: 'resuming' }
  | { is: 'level' }
  | { is: 'asked'; command: Command; timeMs: number }
  | { is: 'attempted'; clientSeq: number }
  | { is: 'accepted'; clientSeq: number; conversation: string }
  | { is: 'refusedAtGate'; refused: Refused }
  | { is: 'forgotten'; key: string }
  | { is: 'heard'; head: Cursor }
  | { is: 'events'; events: Event[] }
  | { is: 'snapshot'; snapshot: Snapshot }
  | { is: 'snapshotNeeded' }
  | { is: 'unbridged' }
  | { is: 'doubted' }
  | { is: 'saidAgain' }
  | { is: 'history'; history: History }
  | { is: 'members'; members: Members }
  | { is: 'presence'; presence: Presence }
  | { is: 'receipt'; receipt: Receipt }
  | { is: 'typing'; conversation: string; user: string; untilMs: number }
  | { is: 'marked'; conversation: string; marks: Marks }
  | { is: 'opened'; conversation: string }
  | { is: 'named'; user: string; name: string }
  | { is: 'notice'; notice: Notice }
  | { is: 'noticeClosed'; key: string }

function refusedAtGate(state: State, refused: Refused): State {
  const one = out.find(state.outbox, refused.clientSeq)
  if (!one) return state
  const outbox = out.drop(state.outbox, refused.clientSeq)
  const why = refused.detail || 'The gateway refused this.'
  if (one.command.text) return { ...state, outbox: out.fail(outbox, one, why) }
  return withNotice({ ...state, outbox }, { key: one.key, text: why })
}

function accepted(state: State, clientSeq: number, conversation: string): State {
  const one = out.find(state.outbox, clientSeq)
  const next = { ...state, outbox: out.accepted(state.outbox, clientSeq, conversation) }
  return one && conversation ? withOpened(next, one, conversation) : next
}

export function reduce(state: State, happening: Happening): State {
  switch (happening.is) {
    case 'line':
      return { ...state, line: happening.line, trouble: happening.trouble ?? '', retryAtMs: happening.retryAtMs ?? 0 }
    case 'resuming':
      return { ...state, resumed: { events: 0, running: true } }
    case 'level':
      return state.resumed?.running ? { ...state, resumed: { ...state.resumed, running: false } } : state
    case 'asked':
      return { ...state, outbox: out.enqueue(state.outbox, happening.command, happening.timeMs) }
    case 'attempted':
      return { ...state, outbox: out.attempted(state.outbox, happening.clientSeq) }
    case 'accepted':
      return accepted(state, happening.clientSeq, happening.conversation)
    case 'refusedAtGate':
      return refusedAtGate(state, happening.refused)
    case 'forgotten':
      return { ...state, outbox: out.forget(state.outbox, happening.key) }
    case 'heard':
      return state.cursor && happening.head.epoch > 0 && happening.head.epoch !== state.cursor.epoch
        ? { ...state, snapshotNeeded: true }
        : { ...state, heard: Math.max(state.heard, happening.head.inboxSeq) }
    case 'events':
      return applyEvents(state, happening.events)
    case 'snapshot':
      return foldSnapshot(state, happening.snapshot)
    case 'snapshotNeeded':
      return { ...state, snapshotNeeded: true }
    case 'unbridged':
      return { ...state, outbox: out.forgetAccepted(state.outbox) }
    case 'doubted':
      return { ...state, outbox: out.forgetDoubtful(state.outbox) }
    case 'saidAgain':
      return { ...state, outbox: out.sayAgain(state.outbox) }
    case 'history':
      return foldHistory(state, happening.history)
    case 'members':
      return foldMembers(state, happening.members)
    case 'presence':
      return withPerson(state, happening.presence.user, {
        online: happening.presence.online,
        lastSeenMs: happening.presence.lastSeenMs,
      })
    case 'receipt':
      return withReceipt(state, happening.receipt)
    case 'typing':
      return withTyping(state, happening.conversation, happening.user, happening.untilMs)
    case 'marked':
      return withReceipt(state, { conversation: happening.conversation, user: state.user, marks: happening.marks })
    case 'opened':
      return withReadBefore({ ...state, open: happening.conversation, readBefore: undefined })
    case 'named':
      return withPerson(state, happening.user, { name: happening.name })
    case 'notice':
      return withNotice(state, happening.notice)
    case 'noticeClosed':
      return { ...state, notices: state.notices.filter((one) => one.key !== happening.key) }
  }
}
