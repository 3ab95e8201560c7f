// What a device makes of what it is told: every event once, in order, and numbers that are derived.
import { describe, expect, it } from 'vitest'
import { Event, Members, Snapshot } from '../src/frames'
import * as out from '../src/outbox'
import { reduce, type Happening } from '../src/reduce'
import { dueMarks } from '../src/seen'
import { initial, type State } from '../src/state'
import { stageOf } from '../src/stage'

const talk = 'ann/bob'
const event = (inboxSeq: number, more: object) => Event.read({ inboxSeq, epoch: 1, conversation: talk, timeMs: inboxSeq * 1000, ...more })
const created = (inboxSeq: number) =>
  event(inboxSeq, { seq: 1, user: 'ann', created: { kind: 'KIND_DIRECT', members: [{ user: 'ann', role: 'ROLE_MEMBER' }, { user: 'bob', role: 'ROLE_MEMBER' }] } })
const said = (inboxSeq: number, number: number, user: string, more: object = {}) =>
  event(inboxSeq, { seq: number + 1, number, user, message: { number, seq: number + 1, sender: user, text: `${user} ${number}` }, ...more })

function after(...happenings: Happening[]): State {
  const begin = reduce(initial('ann', 'phone'), { is: 'snapshot', snapshot: Snapshot.read({ cursor: { inboxSeq: 0, epoch: 1 } }) })
  return happenings.reduce(reduce, begin)
}
const texts = (state: State) => state.talks[talk]?.items.filter((item) => item.number > 0).map((item) => item.text)

describe('the inbox', () => {
  const all = [created(1), said(2, 1, 'bob'), said(3, 2, 'ann'), said(4, 3, 'bob')]

  it('gives the same state however the events are cut and repeated', () => {
    const whole = after({ is: 'events', events: all })
    for (let cut = 0; cut <= all.length; cut++) {
      const parts = after(
        { is: 'events', events: all.slice(0, cut) },
        { is: 'events', events: all.slice(0, cut) },
        { is: 'events', events: all.slice(Math.max(0, cut - 1)) },
      )
      expect(parts).toEqual(whole)
    }
    expect(texts(whole)).toEqual(['bob 1', 'ann 2', 'bob 3'])
  })
  it('applies nothing behind a hole and remembers that something is missing', () => {
    const state = after({ is: 'events', events: [all[0]!, all[2]!, all[3]!] })
    expect(state.cursor?.inboxSeq).toBe(1)
    expect(state.heard).toBe(4)
    expect(texts(state)).toEqual([])
  })
  it('asks for a snapshot when the epoch is another', () => {
    const state = after({ is: 'events', events: [all[0]!, { ...all[1]!, epoch: 2 }] })
    expect(state).toMatchObject({ snapshotNeeded: true, cursor: { inboxSeq: 1, epoch: 1 } })
    expect(after({ is: 'events', events: [all[0]!] }, { is: 'heard', head: { inboxSeq: 9, epoch: 2 } }).snapshotNeeded).toBe(true)
  })
  it('counts unread from others only, and one’s own send reads all', () => {
    const unread = (events: Event[]) => after({ is: 'events', events }).talks[talk]?.unread
    expect(unread(all.slice(0, 2))).toBe(1)
    expect(unread(all.slice(0, 3))).toBe(0)
    expect(unread(all)).toBe(1)
  })
  it('takes what was read on another device as read', () => {
    const receipt = event(5, { receipt: { conversation: talk, user: 'ann', marks: { delivered: 3, read: 3 } } })
    expect(after({ is: 'events', events: [...all, receipt] }).talks[talk]).toMatchObject({ unread: 0, marks: { read: 3 } })
  })
  it('never lowers a mark', () => {
    const receipt = (read: number): Happening => ({ is: 'receipt', receipt: { conversation: talk, user: 'bob', marks: { delivered: read, read } } })
    expect(after({ is: 'events', events: all }, receipt(3), receipt(1)).talks[talk]?.members.bob?.marks.read).toBe(3)
  })
})

describe('a conversation that was asked for', () => {
  const open: Happening = { is: 'asked', timeMs: 5, command: { conversation: '', openDirect: { peer: 'bob' } } }
  const accepted: Happening = { is: 'accepted', clientSeq: 1, conversation: talk }
  const outcome: Happening = { is: 'events', events: [{ ...created(1), deviceId: 'phone', clientSeq: 1 }] }
  const elsewhere: Happening = { is: 'opened', conversation: 'ann/cy' }

  it('is opened by the first word of it, be it the gate’s or the log’s', () => {
    expect(after(open, accepted).open).toBe(talk)
    expect(after(open, outcome).open).toBe(talk)
    expect(after(open, outcome, accepted).open).toBe(talk)
    const there = event(1, { user: 'ann', deviceId: 'phone', clientSeq: 1, refused: { reason: 'REASON_ALREADY_EXISTS' } })
    expect(after(open, { is: 'events', events: [there] })).toMatchObject({ open: talk, notices: [] })
  })
  it('does not call the person back who went elsewhere', () => {
    expect(after(open, accepted, elsewhere, outcome).open).toBe('ann/cy')
    expect(after(open, outcome, elsewhere, accepted).open).toBe('ann/cy')
  })
})

describe('a group', () => {
  const group = (inboxSeq: number, seq: number, more: object) => Event.read({ inboxSeq, epoch: 1, conversation: 'g-1/main', seq, timeMs: seq, user: 'cy', ...more })
  const invited = group(1, 4, { invited: { user: 'ann', title: 'Harbour' } })
  const joined = group(2, 5, { user: 'ann', joined: { user: 'ann', role: 'ROLE_MEMBER', title: 'Harbour' } })

  it('is an invitation, then a membership, then gone', () => {
    const state = (...events: Event[]) => after({ is: 'events', events }).talks['g-1/main']
    expect(state(invited)).toMatchObject({ membership: 'MEMBERSHIP_INVITED', title: 'Harbour', kind: 'KIND_GROUP' })
    expect(state(invited, joined)?.membership).toBe('MEMBERSHIP_MEMBER')
    expect(state(invited, joined, group(3, 6, { removed: { user: 'ann' } }))?.membership).toBe('MEMBERSHIP_GONE')
    expect(state(invited, group(2, 5, { user: 'ann', declined: { user: 'ann' } }))?.membership).toBe('MEMBERSHIP_GONE')
  })
  it('is not undone by an answer of the views that is behind', () => {
    const made = group(1, 1, { created: { kind: 'KIND_GROUP', title: 'H', members: [{ user: 'ann', role: 'ROLE_OWNER' }] } })
    const came = group(2, 2, { user: 'bob', joined: { user: 'bob', role: 'ROLE_MEMBER' } })
    const went = group(3, 3, { user: 'bob', left: { user: 'bob' } })
    const behind = (...users: string[]): Happening => ({
      is: 'members',
      members: Members.read({ conversation: 'g-1/main', members: users.map((user) => ({ user, role: 'ROLE_MEMBER' })) }),
    })
    const who = (...events: Happening[]) => Object.keys(after(...events).talks['g-1/main']!.members)
    expect(who({ is: 'events', events: [made, came] }, behind('ann'))).toEqual(['ann', 'bob'])
    expect(who({ is: 'events', events: [made, came, went] }, behind('ann', 'bob'))).toEqual(['ann'])
    expect(who({ is: 'events', events: [made, came, went] }, behind('ann'))).toEqual(['ann'])
  })
  it('hands ownership on', () => {
    const made = group(1, 1, { created: { kind: 'KIND_GROUP', title: 'H', members: [{ user: 'cy', role: 'ROLE_OWNER' }, { user: 'ann', role: 'ROLE_MEMBER' }] } })
    const roles = (last: Event) => Object.values(after({ is: 'events', events: [made, last] }).talks['g-1/main']!.members).map((one) => `${one.user} ${one.role}`)
    expect(roles(group(2, 2, { left: { user: 'cy', other: 'ann' } }))).toEqual(['ann ROLE_OWNER'])
    expect(roles(group(2, 2, { roleChanged: { user: 'ann', role: 'ROLE_OWNER', other: 'cy' } }))).toEqual(['cy ROLE_ADMIN', 'ann ROLE_OWNER'])
  })
})

describe('the outbox', () => {
  const ask = (text: string): Happening => ({ is: 'asked', timeMs: 5, command: { conversation: talk, text: { text, replyTo: 0 } } })
  const outcome = (inboxSeq: number, clientSeq: number, more: object) => event(inboxSeq, { user: 'ann', deviceId: 'phone', clientSeq, ...more })
  const expected = (inboxSeq: number, clientSeq: number, n: number) =>
    outcome(inboxSeq, clientSeq, { refused: { reason: 'REASON_EXPECTED_OTHER_CLIENT_SEQ', expectedClientSeq: n } })
  const numbers = (state: State) => state.outbox.pending.map((one) => `${one.clientSeq}${one.accepted ? '✓' : ''} ${one.command.text?.text}`)
  const three = [ask('a'), ask('b'), ask('c')]
  const acceptedAll: Happening[] = [1, 2, 3].map((clientSeq) => ({ is: 'accepted', clientSeq, conversation: talk }))

  it('keeps a command until the log has spoken, and shows it once', () => {
    const before = after({ is: 'events', events: [created(1)] }, ask('hello'), { is: 'accepted', clientSeq: 1, conversation: talk })
    expect(numbers(before)).toEqual(['1✓ hello'])
    const now = reduce(before, { is: 'events', events: [said(2, 1, 'ann', { deviceId: 'phone', clientSeq: 1 })] })
    expect(numbers(now)).toEqual([])
    expect(texts(now)).toEqual(['ann 1'])
    expect(now.talks[talk]?.items.at(-1)?.key).toBe(before.outbox.pending[0]?.key)
  })
  it('is not settled by another device with the same number', () => {
    const now = after({ is: 'events', events: [created(1)] }, ask('hello'), { is: 'events', events: [said(2, 1, 'ann', { deviceId: 'laptop', clientSeq: 1 })] })
    expect(numbers(now)).toEqual(['1 hello'])
  })
  it('sends on from the number that the log expects', () => {
    const now = after(...three, ...acceptedAll, { is: 'events', events: [expected(1, 3, 2)] })
    expect(numbers(now)).toEqual(['1✓ a', '2 b', '3 c'])
    expect(now.outbox.nextSeq).toBe(4)
  })
  it('begins at 1 again in a house that forgot the device, and hears no echoes', () => {
    const late = { ...out.emptyOutbox, nextSeq: 58 }
    let now = reduce(initial('ann', 'phone', late), { is: 'snapshot', snapshot: Snapshot.read({ cursor: { epoch: 1 } }) })
    now = [...three, { is: 'events', events: [expected(1, 58, 1), expected(2, 59, 1), expected(3, 60, 1)] } as Happening].reduce(reduce, now)
    expect(numbers(now)).toEqual(['1 a', '2 b', '3 c'])
    expect(now.outbox.nextSeq).toBe(4)
  })
  it('closes the hole when the gate refuses a command for good', () => {
    const refused = { code: 'CODE_INVALID' as const, detail: 'too odd', field: '', retryAfterMs: 0, clientSeq: 1 }
    const once = after(...three, { is: 'attempted', clientSeq: 1 }, { is: 'refusedAtGate', refused })
    expect(numbers(once)).toEqual(['1 b', '2 c'])
    expect(once.outbox.failed.map((one) => one.why)).toEqual(['too odd'])
    // After two attempts the log may have it: the number is not given to another command.
    const twice = after(...three, { is: 'attempted', clientSeq: 1 }, { is: 'attempted', clientSeq: 1 }, { is: 'refusedAtGate', refused })
    expect(numbers(twice)).toEqual(['2 b', '3 c'])
  })
  it('keeps a refused text for another try', () => {
    const now = after(ask('a'), { is: 'events', events: [outcome(1, 1, { refused: { reason: 'REASON_RATE_LIMITED' } })] })
    expect(now.outbox.pending).toEqual([])
    expect(now.outbox.failed[0]).toMatchObject({ command: { text: { text: 'a' } } })
    expect(reduce(now, { is: 'forgotten', key: now.outbox.failed[0]!.key }).outbox.failed).toEqual([])
  })
  it('reads outcomes from behind the cursor without applying them again', () => {
    let now = after(...three, ...acceptedAll)
    now = reduce(now, { is: 'snapshot', snapshot: Snapshot.read({ cursor: { inboxSeq: 9, epoch: 1 }, conversations: [{ conversation: talk, number: 3, seq: 4, unread: 2 }] }) })
    now = reduce(now, { is: 'events', events: [said(7, 2, 'ann', { deviceId: 'phone', clientSeq: 1 }), said(8, 3, 'ann', { deviceId: 'phone', clientSeq: 2 })] })
    expect(numbers(now)).toEqual(['3✓ c'])
    expect(now.cursor?.inboxSeq).toBe(9)
    expect(now.talks[talk]?.unread).toBe(2)
  })
  it('knows a wish that was fulfilled before', () => {
    const block: Happening = { is: 'asked', timeMs: 1, command: { conversation: '', block: { user: 'eve' } } }
    const now = after(block, { is: 'events', events: [outcome(1, 1, { refused: { reason: 'REASON_ALREADY_EXISTS' } })] })
    expect(now.blocked).toEqual(['eve'])
    expect(now.notices).toEqual([])
  })
})

describe('marks', () => {
  const state = after({ is: 'events', events: [created(1), said(2, 1, 'bob')] })

  it('are delivered when an event came, and read when a person can see it', () => {
    expect(dueMarks(state, {}, true, 0).due).toEqual([{ conversation: talk, marks: { delivered: 1, read: 0 } }])
    const open = reduce(state, { is: 'opened', conversation: talk })
    expect(dueMarks(open, {}, false, 0).due).toEqual([{ conversation: talk, marks: { delivered: 1, read: 0 } }])
    expect(dueMarks(open, {}, true, 0).due).toEqual([{ conversation: talk, marks: { delivered: 1, read: 1 } }])
  })
  it('wait for their second', () => {
    const told = { [talk]: { marks: { delivered: 1, read: 0 }, timeMs: 100, id: 1 } }
    const open = reduce(state, { is: 'opened', conversation: talk })
    expect(dueMarks(open, told, true, 400)).toEqual({ due: [], waitMs: 700 })
    expect(dueMarks(open, told, true, 1100).due).toHaveLength(1)
  })
  it('make the ticks', () => {
    const now = reduce(state, { is: 'events', events: [said(3, 2, 'ann')] })
    const stage = (delivered: number, read: number) => {
      const marked = reduce(now, { is: 'receipt', receipt: { conversation: talk, user: 'bob', marks: { delivered, read } } })
      return stageOf(marked, marked.talks[talk]!, marked.talks[talk]!.items.at(-1)!).stage
    }
    expect([stage(0, 0), stage(1, 1), stage(2, 1), stage(2, 2)]).toEqual(['sent', 'sent', 'delivered', 'read'])
  })
})

describe('a snapshot', () => {
  it('throws away items that would hide a hole, and keeps them when nothing happened', () => {
    const before = after({ is: 'events', events: [created(1), said(2, 1, 'bob')] })
    const again = (seq: number) =>
      reduce(before, { is: 'snapshot', snapshot: Snapshot.read({ cursor: { inboxSeq: 40, epoch: 1 }, conversations: [{ conversation: talk, seq, number: seq - 1, last: { number: seq - 1, seq, text: 'last' } }] }) })
    expect(again(2).talks[talk]).toMatchObject({ loaded: true, items: before.talks[talk]!.items })
    expect(again(30).talks[talk]).toMatchObject({ loaded: false, more: true })
    expect(texts(again(30))).toEqual(['last'])
  })
})
