// One entry of a conversation as people see it: made from a message or from an event, kept in the order of seq.
import type { Event, Message } from './frames'

/** A message, or a line about what happened. */
export interface Item {
  key: string
  seq: number
  timeMs: number
  /** Who said it or did it. */
  user: string
  /** 0 for what is no message. */
  number: number
  text: string
  replyTo: number
  erased: boolean
  /** What happened, where it is no message. */
  event?: Event
}

export function itemOfMessage(conversation: string, message: Message): Item {
  return {
    key: `${conversation}#${message.seq}`,
    seq: message.seq,
    timeMs: message.timeMs,
    user: message.sender,
    number: message.number,
    text: message.text,
    replyTo: message.replyTo,
    erased: message.erased,
  }
}

/** The item of an event; key is that of the command which caused it, when this device sent it. */
export function itemOfEvent(event: Event, key?: string): Item {
  const message = event.message
  const base = { key: key ?? `${event.conversation}#${event.seq}`, seq: event.seq, timeMs: event.timeMs, user: event.user }
  if (!message) return { ...base, number: 0, text: '', replyTo: 0, erased: false, event }
  return {
    ...base,
    user: message.sender || event.user,
    number: message.number || event.number,
    text: message.text,
    replyTo: message.replyTo,
    erased: message.erased,
  }
}

/** Puts an item in its place by seq; the same seq stands once. */
export function withItem(items: Item[], item: Item): Item[] {
  let at = items.length
  while (at > 0 && items[at - 1]!.seq > item.seq) at--
  if (at > 0 && items[at - 1]!.seq === item.seq) return items
  return [...items.slice(0, at), item, ...items.slice(at)]
}
