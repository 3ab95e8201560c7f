// One device of one person: joins the state, the connection and what must be kept, and decides what is sent when.
import { Connection, type Socket } from './connection'
import { keepDevice, loadDevice, newDeviceId, type Store } from './device'
import type { ClientWord, Command, Cursor, Difference, Refused, ServerFrame, Snapshot, Welcome } from './frames'
import { find, MAX_PENDING, nextToSend } from './outbox'
import { reduce, type Happening } from './reduce'
import { dueMarks, SEEN_EVERY_MS, type Told } from './seen'
import { initial, type State } from './state'

export interface Options {
  user: string
  /** Names this pane among those of the same person. */
  slot: string
  /** Name for an account that does not exist yet. */
  name: string
  token(): Promise<string>
  dial(): Socket
  store: Store
}

/** Messages asked for at once; count. */
const HISTORY_PAGE = 40
/** Events asked for at once; count. */
const DIFFERENCE_PAGE = 200
/** Conversations in a snapshot; count. */
const SNAPSHOT_CONVERSATIONS = 100
/** Conversations that may be watched; count; the protocol's limit. */
const WATCHED = 8
/** An answer that has not come by then is asked for again; milliseconds. */
const ANSWER_WITHIN_MS = 8_000
/** First and longest wait before asking again when the views are behind; milliseconds. */
const BEHIND_FIRST_MS = 150
const BEHIND_LONGEST_MS = 3_000
/** A head below the cursor for so many pongs in a row is a deployment that began anew: take a snapshot; count. */
const HEAD_BELOW_LOOKS = 3
/** A doubtful command whose outcome has not come by then after it was accepted had it before; milliseconds. */
const DOUBT_MS = 10_000
/** Wait before a refused command goes out again, when the gateway names none; milliseconds. */
const HOLD_DEFAULT_MS = 1_000
/** First (doubled) and longest rest of a question that was refused; milliseconds. */
const REST_FIRST_MS = 400
const REST_LONGEST_MS = 30_000
/** Typing is told at most this often, and shown for this long; milliseconds. */
const TYPING_EVERY_MS = 1_500
export const TYPING_SHOWN_MS = 5_000

type Question = 'send' | 'difference' | 'bridge' | 'snapshot' | 'history' | 'members' | 'watch'
interface Asked {
  question: Question
  about: string
}

/** What no text needs and no frame bears: control characters but for line breaks and tabs, and halves of characters. */
function cleanText(text: string): string {
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f]/g, '').toWellFormed()
}

function clean(command: Command): Command {
  if (command.text) return { ...command, text: { ...command.text, text: cleanText(command.text.text) } }
  if (command.createGroup) return { ...command, createGroup: { ...command.createGroup, title: cleanText(command.createGroup.title) } }
  if (command.rename) return { ...command, rename: { title: cleanText(command.rename.title) } }
  if (command.changeProfile) return { ...command, changeProfile: { displayName: cleanText(command.changeProfile.displayName) } }
  return command
}

export class Client {
  state: State
  private readonly connection: Connection
  private readonly listeners = new Set<(state: State) => void>()
  private asked = new Map<number, Asked>()
  private told: Told = {}
  private resting = new Map<string, { tries: number; untilMs: number }>()
  private reading = false
  private holdUntilMs = 0
  private behind = 0
  private headBelow = 0
  /** The gateway was seen to know what this device knows. */
  private sameHouse = false
  private typedMs = 0
  private bridge: Cursor | undefined
  private watched = ''
  private watchId = 0
  private timers = new Map<string, ReturnType<typeof setTimeout>>()

  constructor(private readonly options: Options) {
    const kept = loadDevice(options.store, options.user, options.slot, newDeviceId)
    this.state = initial(options.user, kept.deviceId, kept.outbox, kept.blocked)
    if (kept.outbox.pending.length > 0) this.bridge = kept.cursor
    this.connection = new Connection(options.dial, {
      hello: async () => ({ token: await options.token(), deviceId: this.state.deviceId, cursor: this.state.cursor }),
      connecting: () => this.happen({ is: 'line', line: 'connecting' }),
      welcomed: (welcome) => this.welcomed(welcome),
      heard: (frame) => this.heard(frame),
      waiting: (trouble, retryAtMs) => this.down({ is: 'line', line: 'waiting', trouble, retryAtMs }),
      refused: (trouble) => this.down({ is: 'line', line: 'refused', trouble }),
      ended: (trouble) => this.down({ is: 'line', line: 'ended', trouble }),
    })
    // A new device introduces the account once; that it exists already is no failure.
    if (kept.outbox.nextSeq === 1) this.ask({ conversation: '', createAccount: { displayName: options.name } })
  }

  subscribe(listener: (state: State) => void): () => void {
    this.listeners.add(listener)
    listener(this.state)
    return () => this.listeners.delete(listener)
  }

  plug(): void {
    this.connection.start()
  }

  unplug(): void {
    this.connection.stop()
    this.down({ is: 'line', line: 'unplugged' })
  }

  /** Comes back at once when it was only waiting, e.g. when the tab is looked at again. */
  nudge(): void {
    if (this.state.line === 'waiting') this.connection.start()
  }

  close(): void {
    this.connection.stop()
    for (const timer of this.timers.values()) clearTimeout(timer)
    this.listeners.clear()
  }

  /** Puts a command into the outbox. It is kept before it is said. */
  ask(command: Command): boolean {
    if (this.state.outbox.pending.length >= MAX_PENDING) {
      this.notice('Too much is waiting to be sent. Plug in first.')
      return false
    }
    if (command.text) this.typedMs = 0 // what comes next is typed anew
    this.happen({ is: 'asked', command: clean(command), timeMs: Date.now() })
    return true
  }

  retry(key: string): void {
    const failed = this.state.outbox.failed.find((one) => one.key === key)
    if (failed && this.ask(failed.command)) this.happen({ is: 'forgotten', key })
  }

  forget(key: string): void {
    this.happen({ is: 'forgotten', key })
  }

  open(conversation: string): void {
    if (conversation !== this.state.open) this.happen({ is: 'opened', conversation })
  }

  /** Says whether a person can see the open conversation now. */
  setReading(reading: boolean): void {
    this.reading = reading
    this.tellSeen()
  }

  /** Asks for the next older page of the conversation. */
  older(conversation: string): void {
    const talk = this.state.talks[conversation]
    if (!talk || !talk.more || !talk.loaded) return
    const oldest = talk.items.find((item) => item.number > 0)?.number ?? 0
    this.question('history', conversation, { history: { conversation, beforeNumber: oldest, limit: HISTORY_PAGE } })
  }

  typing(conversation: string): void {
    if (Date.now() - this.typedMs < TYPING_EVERY_MS) return
    this.typedMs = Date.now()
    this.connection.say({ typing: { conversation, user: '' } })
  }

  notice(text: string): void {
    this.happen({ is: 'notice', notice: { key: `n-${text}`, text } })
  }

  /** The one way in which the state changes; then whatever it now calls for is said. */
  happen(happening: Happening): void {
    const before = this.state
    this.state = reduce(before, happening)
    if (this.state === before) return
    if (before.outbox !== this.state.outbox || before.cursor !== this.state.cursor || before.blocked !== this.state.blocked) this.keep()
    for (const listener of this.listeners) listener(this.state)
    this.followIfUp()
  }

  private keep(): void {
    const { deviceId, outbox, cursor, blocked } = this.state
    // Until a snapshot is here, the old cursor is the place behind which outcomes lie.
    keepDevice(this.options.store, this.options.user, this.options.slot, { deviceId, outbox, cursor: this.bridge ?? cursor, blocked })
  }

  private down(happening: Happening): void {
    this.asked.clear()
    for (const name of ['pump', 'difference', 'seen', 'below']) this.cancel(name)
    this.happen(happening)
  }

  private welcomed(welcome: Welcome): void {
    this.asked.clear()
    // What was told on the old line may be lost: it is told once more.
    for (const one of Object.values(this.told)) one.marks = { delivered: 0, read: 0 }
    this.watched = ''
    this.resting.clear()
    this.holdUntilMs = 0
    this.behind = 0
    this.headBelow = 0
    this.sameHouse = false
    if (this.state.cursor) this.happen({ is: 'resuming' })
    this.happen({ is: 'line', line: 'online' })
    this.look(welcome.head)
    // Also without a head something may have been missed: a resumed device always asks once.
    if (this.state.cursor && !this.state.snapshotNeeded) this.askDifference()
  }

  private heard(frame: ServerFrame): void {
    const asked = this.asked.get(frame.re)
    this.asked.delete(frame.re)
    if (frame.events) this.happen({ is: 'events', events: frame.events.events })
    else if (frame.accepted) this.accepted(frame.accepted)
    else if (frame.refused) this.refused(frame.re, frame.refused, asked)
    else if (frame.difference) this.difference(frame.difference, asked)
    else if (frame.snapshot) this.snapshotCame(frame.snapshot)
    else if (frame.history) this.happen({ is: 'history', history: frame.history })
    else if (frame.members) this.happen({ is: 'members', members: frame.members })
    else if (frame.presence) this.happen({ is: 'presence', presence: frame.presence })
    else if (frame.receipt) this.happen({ is: 'receipt', receipt: frame.receipt })
    else if (frame.typing) this.typed(frame.typing.conversation, frame.typing.user)
    else if (frame.pong) this.look(frame.pong.head)
    else if (frame.resync) this.happen({ is: 'snapshotNeeded' })
    if (asked && !frame.refused) this.resting.delete(`${asked.question} ${asked.about}`)
    if (asked) this.followIfUp()
  }

  /** After a snapshot, the outcomes of waiting commands are read from behind it: from where the inbox stood before. */
  private snapshotCame(snapshot: Snapshot): void {
    const from = this.bridge ?? this.state.cursor
    const sameEpoch = from?.epoch === snapshot.cursor.epoch
    this.told = {}
    this.watched = ''
    this.sameHouse = true
    // A snapshot below the cursor is of a house that began anew, or of a view that is behind: everything is said again.
    if (from && sameEpoch && from.inboxSeq > snapshot.cursor.inboxSeq) {
      this.bridge = undefined
      this.happen({ is: 'saidAgain' })
      this.happen({ is: 'snapshot', snapshot })
      return
    }
    this.happen({ is: 'snapshot', snapshot })
    if (this.state.outbox.pending.length === 0) this.bridge = undefined
    else if (sameEpoch) this.bridge = from
    else this.unbridged()
  }

  private unbridged(): void {
    this.bridge = undefined
    this.happen({ is: 'unbridged' })
  }

  private bridged(difference: Difference): void {
    this.happen({ is: 'events', events: difference.events })
    if (difference.snapshotNeeded) this.unbridged()
    else if (difference.more && difference.events.length > 0) this.bridge = difference.cursor
    else this.bridge = undefined
  }

  private difference(difference: Difference, asked: Asked | undefined): void {
    if (asked?.question === 'bridge') {
      this.bridged(difference)
      return
    }
    if (difference.snapshotNeeded) this.happen({ is: 'snapshotNeeded' })
    this.happen({ is: 'events', events: difference.events })
    this.behind = difference.events.length > 0 ? 0 : this.behind + 1
    if (difference.more) this.askDifference()
    else if (this.level()) this.happen({ is: 'level' })
  }

  private accepted(word: NonNullable<ServerFrame['accepted']>): void {
    this.happen({ is: 'accepted', ...word })
    if (find(this.state.outbox, word.clientSeq)?.doubtful) this.after('doubt', DOUBT_MS, () => this.happen({ is: 'doubted' }))
  }

  private refused(re: number, refused: Refused, asked: Asked | undefined): void {
    if (refused.code === 'CODE_UNAUTHENTICATED') {
      this.connection.stop()
      this.down({ is: 'line', line: 'refused', trouble: refused.detail || 'The token is not taken any more.' })
      return
    }
    const busy = refused.code === 'CODE_OVERLOADED' || refused.code === 'CODE_UNAVAILABLE'
    const wait = refused.retryAfterMs || (busy ? HOLD_DEFAULT_MS : 0)
    if (asked?.question === 'send' || refused.clientSeq > 0) {
      // The number is not used up: the same command goes out again under it, later.
      if (wait > 0) this.holdUntilMs = Date.now() + wait
      else this.happen({ is: 'refusedAtGate', refused: { ...refused, clientSeq: refused.clientSeq || Number(asked?.about) } })
      return
    }
    if (asked) this.rest(asked, wait)
    else if (re === this.watchId) {
      // The views may not know a new conversation yet: the whole set is said again, later.
      this.watched = ''
      this.rest({ question: 'watch', about: '' }, wait)
    } else this.tellAgain(re, wait)
  }

  /** A mark that was refused is told again. */
  private tellAgain(id: number, wait: number): void {
    const told = Object.values(this.told).find((one) => one.id === id)
    if (!told) return
    told.marks = { delivered: 0, read: 0 }
    told.timeMs = Date.now() + wait
    this.after('seen', wait + SEEN_EVERY_MS, () => this.tellSeen())
  }

  /** A question that was refused is asked again later, and each time later still. */
  private rest(asked: Asked, atLeastMs: number): void {
    const key = `${asked.question} ${asked.about}`
    const tries = (this.resting.get(key)?.tries ?? 0) + 1
    const wait = Math.max(atLeastMs, Math.min(REST_LONGEST_MS, REST_FIRST_MS * 2 ** tries))
    this.resting.set(key, { tries, untilMs: Date.now() + wait })
    this.after(`rest ${key}`, wait, () => this.followIfUp())
  }

  /** What the state calls for, now that the line is up. Every question is asked once at a time. */
  private follow(): void {
    const { cursor, snapshotNeeded } = this.state
    if (!cursor || snapshotNeeded) this.question('snapshot', '', { snapshot: { limit: SNAPSHOT_CONVERSATIONS } })
    else if (!this.level()) this.askDifferenceSoon()
    if (this.bridge && cursor && !snapshotNeeded) {
      this.question('bridge', '', { difference: { cursor: this.bridge, limit: DIFFERENCE_PAGE } })
    }
    this.pump()
    this.followOpen()
    this.followWatch()
    this.tellSeen()
  }

  private followIfUp(): void {
    if (this.state.line === 'online') this.follow()
  }

  private level(): boolean {
    return (this.state.cursor?.inboxSeq ?? 0) >= this.state.heard
  }

  private followOpen(): void {
    const { open, talks, cursor } = this.state
    if (!open || !cursor) return
    const talk = talks[open]
    const outside = talk?.membership === 'MEMBERSHIP_INVITED' || talk?.membership === 'MEMBERSHIP_GONE'
    if (outside) return
    if (!talk?.loaded) {
      this.question('history', open, { history: { conversation: open, beforeNumber: 0, limit: HISTORY_PAGE } })
    }
    if (!talk?.membersKnown) this.question('members', open, { members: { conversation: open } })
  }

  /** Watches the open conversation and the latest others: for presence in the list, receipts and typing. */
  private followWatch(): void {
    const { open, talks, cursor } = this.state
    if (!cursor) return
    const latest = Object.values(talks)
      .filter((talk) => talk.membership === 'MEMBERSHIP_MEMBER')
      .sort((a, b) => Number(b.conversation === open) - Number(a.conversation === open) || b.timeMs - a.timeMs)
      .slice(0, WATCHED)
      .map((talk) => talk.conversation)
      .sort()
    const set = latest.join(' ')
    if (set === this.watched || this.isResting('watch', '')) return
    this.watched = set
    this.watchId = this.connection.say({ watch: { conversations: latest } })
  }

  /** Puts the next command on the wire, when none is there. */
  private pump(): void {
    if (this.isAsked('send')) return
    const next = nextToSend(this.state.outbox)
    if (!next) return
    const wait = this.holdUntilMs - Date.now()
    if (wait > 0) {
      this.after('pump', wait, () => this.pump())
      return
    }
    const word = { send: { ...next.command, clientSeq: next.clientSeq } }
    if (!this.question('send', String(next.clientSeq), word)) return
    this.happen({ is: 'attempted', clientSeq: next.clientSeq })
  }

  private askDifference(): void {
    const { cursor } = this.state
    if (!cursor) return
    this.cancel('difference')
    this.question('difference', '', { difference: { cursor, limit: DIFFERENCE_PAGE } })
  }

  private askDifferenceSoon(): void {
    if (this.isAsked('difference') || this.timers.has('difference')) return
    const wait = this.behind === 0 ? 0 : Math.min(BEHIND_LONGEST_MS, BEHIND_FIRST_MS * 2 ** Math.min(this.behind, 8))
    if (wait === 0) this.askDifference()
    else this.after('difference', wait, () => this.askDifference())
  }

  /** Looks at a head that the gateway named. One that stays below the cursor belongs to a house that began anew. */
  private look(head: Cursor | undefined): void {
    const { cursor } = this.state
    if (!cursor) return
    if (head) this.happen({ is: 'heard', head })
    if (this.state.snapshotNeeded) return
    if (head && head.inboxSeq >= cursor.inboxSeq) {
      this.headBelow = 0
      this.sameHouse = true
      this.tellSeen()
      return
    }
    if (head) this.headBelow++
    if (this.headBelow >= HEAD_BELOW_LOOKS) this.happen({ is: 'snapshotNeeded' })
    else this.after('below', HOLD_DEFAULT_MS, () => this.connection.say({ ping: {} }))
  }

  private tellSeen(): void {
    // Marks only rise: told to a house that began anew, they would stand above its messages for ever.
    if (this.state.line !== 'online' || !this.state.cursor || !this.sameHouse) return
    const now = Date.now()
    const { due, waitMs } = dueMarks(this.state, this.told, this.reading, now)
    for (const one of due) {
      const id = this.connection.say({ seen: one })
      if (id === 0) return
      this.told[one.conversation] = { marks: one.marks, timeMs: now, id }
    }
    if (waitMs > 0) this.after('seen', waitMs, () => this.tellSeen())
    for (const one of due) this.happen({ is: 'marked', ...one })
  }

  private typed(conversation: string, user: string): void {
    this.happen({ is: 'typing', conversation, user, untilMs: Date.now() + TYPING_SHOWN_MS })
    const name = `typing ${conversation} ${user}`
    this.cancel(name)
    this.after(name, TYPING_SHOWN_MS, () => this.happen({ is: 'typing', conversation, user, untilMs: 0 }))
  }

  private isResting(question: Question, about: string): boolean {
    return (this.resting.get(`${question} ${about}`)?.untilMs ?? 0) > Date.now()
  }

  private isAsked(question: Question, about?: string): boolean {
    for (const one of this.asked.values()) if (one.question === question && (about === undefined || one.about === about)) return true
    return false
  }

  private question(question: Question, about: string, word: ClientWord): boolean {
    if (this.isAsked(question, about)) return false
    if (this.isResting(question, about)) return false
    const id = this.connection.say(word)
    if (id === 0) return false
    this.asked.set(id, { question, about })
    this.after(`answer ${id}`, ANSWER_WITHIN_MS, () => {
      if (this.asked.delete(id)) this.followIfUp()
    })
    return true
  }

  private after(name: string, ms: number, then: () => void): void {
    if (this.timers.has(name)) return
    const timer = setTimeout(() => {
      this.timers.delete(name)
      then()
    }, ms)
    this.timers.set(name, timer)
  }

  private cancel(name: string): void {
    clearTimeout(this.timers.get(name))
    this.timers.delete(name)
  }
}
