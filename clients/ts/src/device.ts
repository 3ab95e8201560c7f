// What a device must not forget when the page is closed: its id, the commands that wait, and where its inbox stood.
import type { Cursor } from './frames'
import { emptyOutbox, type Outbox } from './outbox'

export interface Device {
  deviceId: string
  outbox: Outbox
  /** Where the inbox stood when this was kept: the outcomes of waiting commands lie behind it. */
  cursor?: Cursor
  blocked: string[]
}

/** The part of localStorage that is used. */
export interface Store {
  getItem(key: string): string | null
  setItem(key: string, value: string): void
}

function keyOf(user: string, slot: string): string {
  return `parley.device.${user}.${slot}`
}

/** Reads what is kept for a person and a slot, or begins a new device. Id and number are kept together, so neither is ever lost alone. */
export function loadDevice(store: Store, user: string, slot: string, newId: () => string): Device {
  try {
    const kept = JSON.parse(store.getItem(keyOf(user, slot)) ?? 'null') as Device | null
    if (kept && typeof kept.deviceId === 'string' && Number.isSafeInteger(kept.outbox?.nextSeq) && Array.isArray(kept.outbox.pending)) {
      return { ...kept, outbox: { ...emptyOutbox, ...kept.outbox }, blocked: kept.blocked ?? [] }
    }
  } catch {
    // What cannot be read is no device: a new one begins, under a new id, so no number is used twice.
  }
  return { deviceId: newId(), outbox: emptyOutbox, blocked: [] }
}

/** Keeps the device; false when the browser has no room or allows no storage (then it lives as long as the page). */
export function keepDevice(store: Store, user: string, slot: string, device: Device): boolean {
  try {
    store.setItem(keyOf(user, slot), JSON.stringify(device))
    return true
  } catch {
    return false
  }
}

/** Tabs that may show the same person at once; count. */
const SLOTS = 16

/**
 * Two tabs that share a device would draw the same numbers. So each holds a lock on the slot it uses, and the next tab takes
 * the next slot. Without locks (an insecure origin) the first slot is used.
 */
export async function claimSlot(user: string, pane: string): Promise<string> {
  if (typeof navigator === 'undefined' || !navigator.locks) return pane
  for (let tab = 0; tab < SLOTS; tab++) {
    const slot = tab === 0 ? pane : `${pane}.${tab}`
    const free = await new Promise<boolean>((resolve) => {
      void navigator.locks.request(keyOf(user, slot), { ifAvailable: true }, (lock) => {
        resolve(lock !== null)
        return lock ? new Promise(() => {}) : undefined // held until the tab is closed
      })
    })
    if (free) return slot
  }
  return pane
}

/** An id for a device, from 16 random bytes; works on insecure origins too, where crypto.randomUUID is missing. */
export function newDeviceId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return 'web-' + Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
