// One connection to a gateway that comes back by itself: dials, says hello, keeps the heartbeat, waits longer after each failure.
import { ClientFrame, ServerFrame, type ClientWord, type Goodbye, type Refused, type Welcome } from './frames'

/** The part of a WebSocket that is used, so that a test can stand in for it. */
export interface Socket {
  send(data: string): void
  close(code?: number): void
  onopen: ((event: any) => void) | null
  onmessage: ((event: { data: unknown }) => void) | null
  onclose: ((event: { code: number }) => void) | null
}

/** What the connection tells its owner. */
export interface Listener {
  /** The first frame of a connection; a rejected promise means that there is no token. */
  hello(): Promise<NonNullable<ClientWord['hello']>>
  connecting(): void
  welcomed(welcome: Welcome): void
  heard(frame: ServerFrame): void
  /** The line is down; the next attempt begins then (milliseconds since 1970). */
  waiting(why: string, retryAtMs: number): void
  /** The gateway will not have this token, or there is none: no attempt follows by itself. */
  refused(why: string): void
  /** The gateway said that there is no coming back. */
  ended(why: string): void
}

/** First wait after a failure; milliseconds. */
const BACKOFF_FIRST_MS = 400
/** Longest wait after a failure; milliseconds. */
const BACKOFF_LONGEST_MS = 20_000
/** A gateway that has not welcomed us by then is given up; milliseconds. */
const WELCOME_WITHIN_MS = 10_000
/** Heartbeat when the gateway names none; milliseconds. */
const HEARTBEAT_DEFAULT_MS = 25_000
/** A line on which nothing came for so many heartbeats is dead; count. */
const SILENT_HEARTBEATS = 3
/** Longest wait that a gateway's goodbye may ask for; milliseconds. */
const GOODBYE_LONGEST_MS = 120_000

/** After a goodbye the close code comes within this time; milliseconds. */
const CLOSE_WITHIN_MS = 2_000
/** Close codes after which coming back unchanged is of no use; all others are answered by coming back. */
const CLOSE_TOO_LARGE = 1009
const CLOSE_MISUSED = 4400
const CLOSE_UNAUTHENTICATED = 4401

export class Connection {
  private socket: Socket | undefined
  private welcomed = false
  private failures = 0
  private lastId = 0
  private helloId = 0
  private farewell: string | undefined
  private retry: ReturnType<typeof setTimeout> | undefined
  private guard: ReturnType<typeof setTimeout> | undefined
  private beat: ReturnType<typeof setInterval> | undefined
  private saidMs = 0
  private heardMs = 0

  constructor(
    private readonly dial: () => Socket,
    private readonly listener: Listener,
    private readonly random: () => number = Math.random,
  ) {}

  /** Connects now, whatever it was waiting for. */
  start(): void {
    if (this.socket) return
    clearTimeout(this.retry)
    this.open()
  }

  /** Closes the line and stays away until start. */
  stop(): void {
    clearTimeout(this.retry)
    this.leave()
  }

  /** Says something and returns the number of the request, or 0 when nobody is there to hear it. */
  say(word: ClientWord): number {
    if (!this.socket || !this.welcomed) return 0
    return this.write(word)
  }

  private write(word: ClientWord): number {
    const id = ++this.lastId
    this.saidMs = Date.now()
    this.socket?.send(JSON.stringify(ClientFrame.write({ id, ...word })))
    return id
  }

  private open(): void {
    this.listener.connecting()
    let socket: Socket
    try {
      socket = this.dial()
    } catch (error) {
      this.later(String(error))
      return
    }
    this.socket = socket
    this.welcomed = false
    this.farewell = undefined
    socket.onopen = () => void this.introduce(socket)
    socket.onmessage = (event) => this.receive(socket, event.data)
    socket.onclose = (event) => {
      if (this.socket === socket) this.closed(event.code)
    }
    this.guard = setTimeout(() => this.fail('The gateway did not answer.'), WELCOME_WITHIN_MS)
  }

  private async introduce(socket: Socket): Promise<void> {
    try {
      const hello = await this.listener.hello()
      if (this.socket === socket) this.helloId = this.write({ hello })
    } catch (error) {
      if (this.socket !== socket) return
      this.leave()
      this.listener.refused(error instanceof Error ? error.message : String(error))
    }
  }

  private receive(socket: Socket, data: unknown): void {
    if (this.socket !== socket || typeof data !== 'string') return
    this.heardMs = Date.now()
    let frame: ServerFrame
    try {
      frame = ServerFrame.read(JSON.parse(data))
    } catch {
      return // What cannot be read is as if it had been lost: the dense numbers bring it back.
    }
    if (frame.welcome) this.welcome(frame.welcome)
    else if (frame.goodbye) this.goodbye(frame.goodbye)
    else if (frame.refused && !this.welcomed && frame.re === this.helloId) this.turnedAway(frame.refused)
    else this.listener.heard(frame)
  }

  private welcome(welcome: Welcome): void {
    clearTimeout(this.guard)
    this.welcomed = true
    this.failures = 0
    const every = welcome.heartbeatMs || HEARTBEAT_DEFAULT_MS
    this.beat = setInterval(() => this.heartbeat(every), Math.max(250, every / 2))
    this.listener.welcomed(welcome)
  }

  private heartbeat(every: number): void {
    const now = Date.now()
    if (now - this.heardMs > every * SILENT_HEARTBEATS) this.fail('The gateway fell silent.')
    else if (now - this.saidMs >= every / 2) this.write({ ping: {} })
  }

  private goodbye(goodbye: Goodbye): void {
    if (!goodbye.reconnect) {
      // The close code, which comes next, says whether another token would help.
      this.farewell = goodbye.detail || 'The gateway ended the connection.'
      this.guard = setTimeout(() => this.closed(CLOSE_MISUSED), CLOSE_WITHIN_MS)
      return
    }
    this.leave()
    const wait = Math.min(goodbye.reconnectAfterMs, GOODBYE_LONGEST_MS)
    this.retryIn(wait, goodbye.detail || 'The gateway makes room; coming back.')
  }

  private closed(code: number): void {
    const said = this.farewell
    if (code === CLOSE_UNAUTHENTICATED) {
      this.leave()
      this.listener.refused(said ?? 'The token is not taken any more.')
    } else if (said !== undefined || code === CLOSE_MISUSED || code === CLOSE_TOO_LARGE) {
      this.leave()
      this.listener.ended(said ?? 'The gateway ended the connection.')
    } else this.fail('The connection was lost.')
  }

  private turnedAway(refused: Refused): void {
    if (refused.code === 'CODE_UNAUTHENTICATED') {
      this.leave()
      this.listener.refused(refused.detail || 'The token was refused.')
    } else {
      this.fail(refused.detail || 'The gateway refused the connection.', refused.retryAfterMs)
    }
  }

  private fail(why: string, atLeastMs = 0): void {
    this.leave()
    this.later(why, atLeastMs)
  }

  /** Half of the wait is fixed, half is drawn, so that clients that fell together do not come back together. */
  private later(why: string, atLeastMs = 0): void {
    const cap = Math.min(BACKOFF_LONGEST_MS, BACKOFF_FIRST_MS * 2 ** Math.min(this.failures, 10))
    this.failures++
    this.retryIn(Math.max(atLeastMs, cap / 2 + (this.random() * cap) / 2), why)
  }

  private retryIn(wait: number, why: string): void {
    clearTimeout(this.retry)
    this.retry = setTimeout(() => this.open(), wait)
    this.listener.waiting(why, Date.now() + wait)
  }

  private leave(): void {
    clearTimeout(this.guard)
    clearInterval(this.beat)
    const socket = this.socket
    this.socket = undefined
    this.welcomed = false
    if (!socket) return
    socket.onopen = socket.onmessage = socket.onclose = null
    socket.close(1000)
  }
}
