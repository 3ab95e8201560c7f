// How far an own message came, judged by the marks of the others.
import type { Item } from './item'
import type { State, Talk } from './state'

/** Clock, one tick, two ticks, two strong ticks, two coloured ticks. */
export type Stage = 'sending' | 'accepted' | 'sent' | 'delivered' | 'read'

export function stageOf(state: State, talk: Talk, item: Item): { stage: Stage; detail: string } {
  const others = Object.values(talk.members).filter((member) => member.user !== state.user)
  const read = others.filter((member) => member.marks.read >= item.number).length
  const delivered = others.filter((member) => member.marks.delivered >= item.number).length
  if (others.length === 0) return { stage: 'sent', detail: '' }
  const of = others.length > 1 ? `by ${read > 0 ? read : delivered} of ${others.length}` : ''
  if (read === others.length) return { stage: 'read', detail: of }
  if (delivered === others.length) return { stage: 'delivered', detail: read > 0 ? `to all, read ${of}` : '' }
  return { stage: 'sent', detail: delivered > 0 ? `and delivered to ${delivered} of ${others.length}` : '' }
}
