// The client against the vectors of schemas/effect: what an event does to a conversation is the same here as in the log.
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { Event, Members, Snapshot } from '../src/frames'
import { reduce } from '../src/reduce'
import { initial, type State } from '../src/state'

interface Vectors {
  events: { kind: string; event: unknown; joins: string[]; roles: { user: string; role: string }[]; members: string[]; unread: boolean; reads: number }[]
  refusals: { reason: string; takes_number: boolean }[]
}
const vectors = JSON.parse(readFileSync(new URL('../../../schemas/effect/testdata/effects.json', import.meta.url), 'utf8')) as Vectors
const talk = 'g-hike/main'
const roles: Record<string, string> = { ann: 'ROLE_OWNER', bob: 'ROLE_MEMBER', dan: 'ROLE_MEMBER' }

/** A device that knows the conversation as the vectors have it before each event. */
function before(user: string): State {
  const conversations = [{ conversation: talk, kind: 'KIND_GROUP', seq: 6, number: 4, unread: 1, marks: { delivered: 4, read: 3 }, membership: 'MEMBERSHIP_MEMBER' }]
  const members = Object.entries(roles).map(([user, role]) => ({ user, role }))
  const began = reduce(initial(user, 'phone'), { is: 'snapshot', snapshot: Snapshot.read({ cursor: { inboxSeq: 8, epoch: 1 }, conversations }) })
  return reduce(began, { is: 'members', members: Members.read({ conversation: talk, kind: 'KIND_GROUP', members }) })
}

describe('an event', () => {
  it.each(vectors.events)('$kind', ({ event, joins, roles: given, members, unread, reads }) => {
    const read = Event.read(event)
    const of = (user: string) => reduce(before(user), { is: 'events', events: [read] }).talks[talk]!
    const ann = of('ann')
    // A conversation that is created begins with its first members; the vectors add them to those before.
    expect(Object.keys(ann.members).sort()).toEqual(read.created ? joins : members)
    for (const { user, role } of given) expect(ann.members[user]?.role, user).toBe(role)
    expect(ann.membership).toBe(members.includes('ann') ? 'MEMBERSHIP_MEMBER' : 'MEMBERSHIP_GONE')
    expect(ann.unread).toBe(unread ? 2 : 1)
    if (reads > 0) expect(of('bob')).toMatchObject({ unread: 0, marks: { read: reads } })
  })
})

describe('a refusal', () => {
  // For REASON_TOO_MANY_DEVICES the client goes on with the next number, and the log names the one that it expects.
  it.each(vectors.refusals.filter((one) => one.reason !== 'REASON_TOO_MANY_DEVICES'))('$reason', ({ reason, takes_number }) => {
    const asked = reduce(before('ann'), { is: 'asked', timeMs: 1, command: { conversation: talk, text: { text: 'hi', replyTo: 0 } } })
    const refused = { reason, expectedClientSeq: takes_number ? 0 : 1 }
    const after = reduce(asked, { is: 'events', events: [Event.read({ inboxSeq: 9, epoch: 1, user: 'ann', deviceId: 'phone', clientSeq: 1, refused })] })
    expect(after.outbox.pending.map((one) => one.clientSeq)).toEqual(takes_number ? [] : [1])
    expect(after.outbox.nextSeq).toBe(2)
  })
})
