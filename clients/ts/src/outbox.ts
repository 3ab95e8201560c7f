// The outbox of this device: commands under dense numbers, kept until the log has said what became of each of them.
import type { Command, Reason } from './frames'

/** One command on its way. */
export interface Pending {
  /** Names the command on this page for ever, whatever its number becomes. */
  key: string
  clientSeq: number
  command: Command
  askedMs: number
  /** True once the gateway said that the log has it. */
  accepted: boolean
  /** How often it was put on the wire; more than once = the log may have it although nobody told us. */
  attempts: number
  /** Its outcome may stand where the inbox is not kept any more. */
  doubtful?: boolean
}

/** A command that will not happen, kept so that the person may try again. */
export interface Failed {
  key: string
  command: Command
  askedMs: number
  why: string
}

export interface Outbox {
  nextSeq: number
  pending: Pending[]
  failed: Failed[]
}

/** Failed commands that are kept at most; count. */
const MAX_FAILED = 20
/** Commands that may wait at most; count. Beyond it the page says so and takes no more. */
export const MAX_PENDING = 200

export const emptyOutbox: Outbox = { nextSeq: 1, pending: [], failed: [] }

export function enqueue(outbox: Outbox, command: Command, askedMs: number): Outbox {
  const clientSeq = outbox.nextSeq
  const next = { key: `${clientSeq}-${askedMs}`, clientSeq, command, askedMs, accepted: false, attempts: 0 }
  return { ...outbox, nextSeq: clientSeq + 1, pending: [...outbox.pending, next] }
}

/** The next command that the gateway has not taken. One at a time is on the wire, so a refusal never leaves a hole. */
export function nextToSend(outbox: Outbox): Pending | undefined {
  return outbox.pending.find((one) => !one.accepted)
}

function change(outbox: Outbox, clientSeq: number, to: (one: Pending) => Pending): Outbox {
  if (!outbox.pending.some((one) => one.clientSeq === clientSeq)) return outbox
  return { ...outbox, pending: outbox.pending.map((one) => (one.clientSeq === clientSeq ? to(one) : one)) }
}

export function attempted(outbox: Outbox, clientSeq: number): Outbox {
  return change(outbox, clientSeq, (one) => ({ ...one, attempts: one.attempts + 1 }))
}

export function accepted(outbox: Outbox, clientSeq: number, conversation: string): Outbox {
  return change(outbox, clientSeq, (one) => ({
    ...one,
    accepted: true,
    command: { ...one.command, conversation: one.command.conversation || conversation },
  }))
}

/** The log has spoken about this command: it waits no longer. */
export function settle(outbox: Outbox, clientSeq: number): Outbox {
  const pending = outbox.pending.filter((one) => one.clientSeq !== clientSeq)
  return pending.length === outbox.pending.length ? outbox : { ...outbox, pending }
}

export function find(outbox: Outbox, clientSeq: number): Pending | undefined {
  return outbox.pending.find((one) => one.clientSeq === clientSeq)
}

/** Keeps a text that will not happen; other commands are told as a notice by the caller. */
export function fail(outbox: Outbox, one: Pending, why: string): Outbox {
  const failed = { key: one.key, command: one.command, askedMs: one.askedMs, why }
  return { ...outbox, failed: [...outbox.failed, failed].slice(-MAX_FAILED) }
}

export function forget(outbox: Outbox, key: string): Outbox {
  return { ...outbox, failed: outbox.failed.filter((one) => one.key !== key) }
}

function renumber(outbox: Outbox, from: number): Outbox {
  let next = from
  const pending = outbox.pending.map((one) =>
    one.clientSeq < from ? one : { ...one, clientSeq: next++, accepted: false, attempts: 0, doubtful: false },
  )
  return { ...outbox, pending, nextSeq: next }
}

/**
 * The log expects another number: everything from there on is sent again, in order and without a hole. A server that forgot
 * this device (an in-memory one that began anew) expects 1, and the same rule makes the waiting commands 1, 2, 3.
 * The caller passes over refusals of numbers that wait no longer: they are echoes of earlier attempts.
 */
export function expect(outbox: Outbox, expectedSeq: number): Outbox {
  return expectedSeq < 1 ? outbox : renumber(outbox, expectedSeq)
}

/**
 * The gate refused this command for good; its number was not used. When it was on the wire only once, nobody can have it and
 * the later ones move down. Otherwise the log may have it from an earlier connection: the number is left alone, and if it
 * was free after all, the log will say which one it expects.
 */
export function drop(outbox: Outbox, clientSeq: number): Outbox {
  const one = find(outbox, clientSeq)
  if (!one) return outbox
  const left = settle(outbox, clientSeq)
  return one.attempts <= 1 ? renumber(left, clientSeq) : left
}

/**
 * After a snapshot that no difference can be laid against, an accepted command's outcome is in the snapshot. So may be that of
 * another one that was on the wire: it is said again, and nobody waits long for what becomes of it.
 */
export function forgetAccepted(outbox: Outbox): Outbox {
  const pending = outbox.pending.filter((one) => !one.accepted)
  return { ...outbox, pending: pending.map((one) => (one.attempts > 0 ? { ...one, doubtful: true } : one)) }
}

/** The log says nothing of what it had already: of a doubtful command that was accepted nothing more may come. */
export function forgetDoubtful(outbox: Outbox): Outbox {
  return { ...outbox, pending: outbox.pending.filter((one) => !(one.doubtful && one.accepted)) }
}

/** Everything that waits is said again; what the log has already it takes once. */
export function sayAgain(outbox: Outbox): Outbox {
  return { ...outbox, pending: outbox.pending.map((one) => ({ ...one, accepted: false })) }
}

/** Why the log refused, in words for people. */
export function reasonInWords(reason: Reason): string {
  switch (reason) {
    case 'REASON_RATE_LIMITED':
      return 'Too many at once. Wait a moment and try again.'
    case 'REASON_SUSPENDED':
      return 'This account is suspended and may not send.'
    case 'REASON_TOO_MANY_DEVICES':
      return 'This account is used on too many devices.'
    case 'REASON_NOT_A_MEMBER':
      return 'You are not a member of this conversation.'
    case 'REASON_NOT_ALLOWED':
      return 'Your role does not allow this.'
    case 'REASON_ALREADY_EXISTS':
      return 'That is there already.'
    case 'REASON_PERSON_UNAVAILABLE':
      return 'This person cannot be reached.'
    case 'REASON_LIMIT_REACHED':
      return 'A limit is reached.'
    case 'REASON_NOT_FOUND':
      return 'What this refers to is not there.'
    case 'REASON_INVALID':
      return 'This does not fit this conversation.'
    case 'REASON_BLOCKED':
      return 'One of you has blocked the other.'
    default:
      return 'This was refused.'
  }
}
