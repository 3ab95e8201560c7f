// What the page says in words: names, times, and the lines that tell what happened in a conversation.
import type { Event, Item, Line, Role, State, Talk } from 'parley-client'

export function nameOf(state: State, user: string): string {
  return state.people[user]?.name || user
}

/** The name with which a sentence about a person begins. */
function subject(state: State, user: string): string {
  return user === state.user ? 'You' : nameOf(state, user)
}

function object(state: State, user: string): string {
  return user === state.user ? 'you' : nameOf(state, user)
}

export function titleOf(state: State, talk: Talk): string {
  if (talk.kind === 'KIND_GROUP') return talk.title || 'Group'
  return talk.peer ? nameOf(state, talk.peer) : talk.conversation
}

export function roleInWords(role: Role): string {
  if (role === 'ROLE_OWNER') return 'Owner'
  return role === 'ROLE_ADMIN' ? 'Admin' : 'Member'
}

/** How the connection of a device stands. */
export function lineInWords(line: Line): string {
  switch (line) {
    case 'online':
      return 'Online'
    case 'unplugged':
      return 'Unplugged'
    case 'refused':
      return 'Signed out'
    case 'ended':
      return 'Ended'
    default:
      return 'Connecting…'
  }
}

/** The line that tells what happened; empty for what needs no line. */
export function systemLine(state: State, event: Event): string {
  const who = subject(state, event.user)
  if (event.created) return event.created.kind === 'KIND_GROUP' ? `${who} created the group` : `${who} opened this conversation`
  if (event.invited) return `${who} invited ${object(state, event.invited.user)}`
  if (event.declined) return `${subject(state, event.declined.user)} declined the invitation`
  if (event.joined) {
    const { user } = event.joined
    return event.user && event.user !== user ? `${who} added ${object(state, user)}` : `${subject(state, user)} joined`
  }
  if (event.left) {
    const heir = event.left.other ? `; ${object(state, event.left.other)} now owns the group` : ''
    return `${subject(state, event.left.user)} left${heir}`
  }
  if (event.removed) return `${who} removed ${object(state, event.removed.user)}`
  if (event.renamed) return `${who} renamed the group to “${event.renamed.title}”`
  if (event.roleChanged) {
    return `${who} made ${object(state, event.roleChanged.user)} ${roleInWords(event.roleChanged.role).toLowerCase()}`
  }
  if (event.blockChanged) {
    const blocker = event.blockChanged.user
    return `${subject(state, blocker)} ${event.blockChanged.blocked ? 'blocked' : 'unblocked'} this conversation`
  }
  return ''
}

/** One line about an item, for the list of conversations and for quotes. */
export function preview(state: State, item: Item): string {
  if (item.event) return systemLine(state, item.event)
  return item.erased ? 'This message was erased' : item.text.replace(/\s+/g, ' ').slice(0, 160)
}

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' })
const weekday = new Intl.DateTimeFormat(undefined, { weekday: 'long', day: 'numeric', month: 'long' })
const date = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' })
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' })

export const clockTime = (ms: number) => (ms > 0 ? clock.format(ms) : '')
export const exactTime = (ms: number) => (ms > 0 ? exact.format(ms) : '')

export function sameDay(a: number, b: number): boolean {
  return new Date(a).toDateString() === new Date(b).toDateString()
}

const DAY_MS = 86_400_000

export function dayName(ms: number, nowMs: number): string {
  if (sameDay(ms, nowMs)) return 'Today'
  if (sameDay(ms, nowMs - DAY_MS)) return 'Yesterday'
  return weekday.format(ms)
}

/** A short time for a list: the clock today, the date before. */
export function shortTime(ms: number, nowMs: number): string {
  if (ms <= 0) return ''
  return sameDay(ms, nowMs) ? clock.format(ms) : date.format(ms)
}

export function presenceInWords(online: boolean, lastSeenMs: number, nowMs: number): string {
  if (online) return 'online'
  if (lastSeenMs <= 0) return ''
  const minutes = Math.floor((nowMs - lastSeenMs) / 60_000)
  if (minutes < 1) return 'last seen just now'
  if (minutes < 60) return `last seen ${minutes} min ago`
  return `last seen ${sameDay(lastSeenMs, nowMs) ? 'at ' + clock.format(lastSeenMs) : date.format(lastSeenMs)}`
}
