// What an application uses of this package; the other files are its own business.
export { Client, type Options } from './client'
export type { Socket } from './connection'
export { claimSlot, type Store } from './device'
export { SUBPROTOCOL, type Command, type Event, type Message, type Role } from './frames'
export type { Item } from './item'
export { stageOf, type Stage } from './stage'
export type { Line, State, Talk } from './state'
