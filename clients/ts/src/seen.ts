// Decides which seen marks are due: delivered when a message is here, read when a person can see it, one a second at most.
import type { Marks } from './frames'
import type { State } from './state'

/** Marks of one conversation go out at most this often; milliseconds. */
export const SEEN_EVERY_MS = 1000

/** What was told already, when, and in which request. */
export type Told = Record<string, { marks: Marks; timeMs: number; id: number }>

export interface Due {
  conversation: string
  marks: Marks
}

/** The marks that should be told now, and in how many milliseconds to look again (0 = nothing waits). */
export function dueMarks(state: State, told: Told, reading: boolean, nowMs: number): { due: Due[]; waitMs: number } {
  const due: Due[] = []
  let waitMs = 0
  for (const talk of Object.values(state.talks)) {
    if (talk.membership !== 'MEMBERSHIP_MEMBER' || talk.number === 0) continue
    const before = told[talk.conversation]
    const known = before?.marks ?? talk.marks
    const read = reading && state.open === talk.conversation && talk.loaded ? talk.number : talk.marks.read
    const marks = { delivered: Math.max(talk.number, read), read }
    if (marks.delivered <= known.delivered && marks.read <= known.read) continue
    const wait = before ? before.timeMs + SEEN_EVERY_MS - nowMs : 0
    if (wait <= 0) due.push({ conversation: talk.conversation, marks })
    else waitMs = waitMs === 0 ? wait : Math.min(waitMs, wait)
  }
  return { due, waitMs }
}
