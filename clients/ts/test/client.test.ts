// One client against a scripted gateway: what it says, in which order, and what it does when the line breaks.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Client } from '../src/client'
import type { Socket } from '../src/connection'
import { loadDevice } from '../src/device'

/** A socket whose other end is the test. */
class Line implements Socket {
  onopen: Socket['onopen'] = null
  onmessage: Socket['onmessage'] = null
  onclose: Socket['onclose'] = null
  said: any[] = []
  closed = false
  send(data: string): void {
    this.said.push(JSON.parse(data))
  }
  close(): void {
    this.closed = true
  }
  tell(frame: object): void {
    this.onmessage?.({ data: JSON.stringify(frame) })
  }
  /** The frames with this word, in order. */
  words(word: string): any[] {
    return this.said.filter((frame) => word in frame)
  }
  answer(word: string, frame: object): void {
    this.tell({ re: this.words(word).at(-1).id, ...frame })
  }
  lose(code = 1006): void {
    this.onclose?.({ code })
  }
}

class Memory {
  kept = new Map<string, string>()
  getItem(key: string): string | null {
    return this.kept.get(key) ?? null
  }
  setItem(key: string, value: string): void {
    this.kept.set(key, value)
  }
}

let lines: Line[]
let store: Memory
let clients: Client[]
const last = () => lines.at(-1)!

function begin(): Client {
  const client = new Client({
    user: 'ann',
    slot: '1',
    name: 'Ann',
    store,
    token: () => Promise.resolve('token'),
    dial: () => {
      const line = new Line()
      lines.push(line)
      return line
    },
  })
  clients.push(client)
  client.plug()
  return client
}

async function greet(head = '0'): Promise<Line> {
  const line = last()
  line.onopen?.({})
  await vi.advanceTimersByTimeAsync(0)
  line.tell({ re: line.words('hello')[0].id, welcome: { user: 'ann', heartbeatMs: 20000, head: { inboxSeq: head, epoch: '1' } } })
  return line
}

/** A client that is logged in, has its snapshot and whose account was made. */
async function settled(): Promise<Client> {
  const client = begin()
  const line = await greet()
  line.answer('snapshot', { snapshot: { cursor: { epoch: '1' } } })
  line.answer('send', { accepted: { clientSeq: '1' } })
  line.tell({ events: { events: [outcome(1, 1, { account: { created: true, displayName: 'Ann' } })] } })
  return client
}

const text = (words: string) => ({ conversation: 'ann/bob', text: { text: words, replyTo: 0 } })
function outcome(inboxSeq: number, clientSeq: number, more: object): object {
  return { inboxSeq: String(inboxSeq), epoch: '1', user: 'ann', deviceId: clients.at(-1)!.state.deviceId, clientSeq: String(clientSeq), ...more }
}
const other = (inboxSeq: number, number: number) => ({
  inboxSeq: String(inboxSeq),
  epoch: '1',
  conversation: 'ann/bob',
  seq: String(number),
  number: String(number),
  user: 'bob',
  message: { number: String(number), seq: String(number), sender: 'bob', text: `bob ${number}` },
})
const sent = (line: Line) => line.words('send').map((frame) => `${frame.send.clientSeq} ${frame.send.text?.text ?? Object.keys(frame.send).at(-1)}`)

beforeEach(() => {
  vi.useFakeTimers()
  lines = []
  clients = []
  store = new Memory()
})
afterEach(() => {
  for (const client of clients) client.close()
  vi.useRealTimers()
})

describe('starting', () => {
  it('says hello first, then takes a snapshot, and introduces the account once', async () => {
    const client = begin()
    const line = await greet('4')
    expect(line.said.map((frame) => Object.keys(frame)[1])).toEqual(['hello', 'snapshot', 'send'])
    expect(line.said[0].hello).toEqual({ token: 'token', deviceId: client.state.deviceId })
    expect(sent(line)).toEqual(['1 createAccount'])
    line.answer('snapshot', { snapshot: { cursor: { inboxSeq: '4', epoch: '1' } } })
    expect(client.state.cursor).toEqual({ inboxSeq: 4, epoch: 1 })
    expect(line.words('difference')).toEqual([])
  })
  it('keeps device and number over a new start', async () => {
    const first = await settled()
    first.close()
    const kept = loadDevice(store, 'ann', '1', () => 'another')
    expect(kept).toMatchObject({ deviceId: first.state.deviceId, outbox: { nextSeq: 2, pending: [] }, cursor: { inboxSeq: 1 } })
  })
  it('stays away when there is no token, and asks nothing', async () => {
    const client = new Client({ user: 'ann', slot: '1', name: 'Ann', store, token: () => Promise.reject(new Error('A token is needed.')), dial: () => (lines.push(new Line()), last()) })
    clients.push(client)
    client.plug()
    last().onopen?.({})
    await vi.advanceTimersByTimeAsync(60_000)
    expect(client.state).toMatchObject({ line: 'refused', trouble: 'A token is needed.' })
    expect(lines).toHaveLength(1)
    expect(last().said).toEqual([])
  })
})

describe('sending', () => {
  it('has one command on the wire and keeps the order', async () => {
    const client = await settled()
    for (const words of ['a', 'b', 'c']) client.ask(text(words))
    const line = last()
    expect(sent(line)).toEqual(['1 createAccount', '2 a'])
    line.answer('send', { accepted: { clientSeq: '2', conversation: 'ann/bob' } })
    expect(sent(line).at(-1)).toBe('3 b')
  })
  it('says a refused one again under the same number, after the time that the gate named', async () => {
    const client = await settled()
    client.ask(text('a'))
    client.ask(text('b'))
    last().answer('send', { refused: { code: 'CODE_OVERLOADED', retryAfterMs: 900, clientSeq: '2' } })
    await vi.advanceTimersByTimeAsync(800)
    expect(sent(last())).toEqual(['1 createAccount', '2 a'])
    await vi.advanceTimersByTimeAsync(200)
    expect(sent(last())).toEqual(['1 createAccount', '2 a', '2 a'])
  })
  it('goes on from the number that the log expects', async () => {
    const client = await settled()
    client.ask(text('a'))
    last().answer('send', { accepted: { clientSeq: '2' } })
    last().tell({ events: { events: [outcome(2, 2, { refused: { reason: 'REASON_EXPECTED_OTHER_CLIENT_SEQ', expectedClientSeq: '1' } })] } })
    expect(sent(last()).at(-1)).toBe('1 a')
  })
  it('waits for the command on the wire before it begins again at the expected number', async () => {
    const client = await settled()
    client.ask(text('a'))
    last().answer('send', { accepted: { clientSeq: '2' } })
    client.ask(text('b'))
    last().tell({ events: { events: [outcome(2, 2, { refused: { reason: 'REASON_EXPECTED_OTHER_CLIENT_SEQ', expectedClientSeq: '1' } })] } })
    expect(sent(last()).slice(1)).toEqual(['2 a', '3 b'])
    last().answer('send', { accepted: { clientSeq: '3' } })
    expect(sent(last()).slice(1)).toEqual(['2 a', '3 b', '1 a'])
  })
  it('sends nothing that no frame bears', async () => {
    const client = await settled()
    client.ask(text('a\u0000b\ud800c\nd'))
    expect(last().words('send').at(-1).send.text.text).toBe('ab\ufffdc\nd')
  })
})

describe('the line', () => {
  it('resumes with the cursor, resends what waits in order, and applies what was missed once', async () => {
    const client = await settled()
    client.ask(text('a'))
    client.ask(text('b'))
    last().lose()
    expect(client.state.line).toBe('waiting')
    await vi.advanceTimersByTimeAsync(400)
    expect(lines).toHaveLength(2)
    const line = await greet('3')
    expect(line.said[0].hello.cursor).toEqual({ inboxSeq: '1', epoch: '1' })
    expect(sent(line)).toEqual(['2 a'])
    // The gateway pushes what was missed and the difference brings it as well.
    line.tell({ events: { events: [other(2, 1)] } })
    line.answer('difference', { difference: { events: [other(2, 1), other(3, 2)], cursor: { inboxSeq: '3', epoch: '1' } } })
    expect(client.state.talks['ann/bob']?.items.map((item) => item.text)).toEqual(['bob 1', 'bob 2'])
    expect(client.state.resumed).toEqual({ events: 2, running: false })
  })
  it('asks for the difference on a hole, once, and again while the views are behind', async () => {
    await settled()
    const line = last()
    line.tell({ events: { events: [other(3, 2)] } })
    line.tell({ events: { events: [other(4, 3)] } })
    expect(line.words('difference').map((frame) => frame.difference.cursor.inboxSeq)).toEqual(['1'])
    line.answer('difference', { difference: { cursor: { inboxSeq: '1', epoch: '1' } } })
    expect(line.words('difference')).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(400)
    expect(line.words('difference')).toHaveLength(2)
    line.answer('difference', { difference: { events: [other(2, 1), other(3, 2), other(4, 3)], cursor: { inboxSeq: '4', epoch: '1' } } })
    expect(clients[0]!.state.cursor?.inboxSeq).toBe(4)
  })
  it('learns of a lost last event from the heartbeat', async () => {
    await settled()
    const line = last()
    await vi.advanceTimersByTimeAsync(20_000)
    expect(line.words('ping').length).toBeGreaterThan(0)
    line.answer('ping', { pong: { head: { inboxSeq: '2', epoch: '1' } } })
    expect(line.words('difference')).toHaveLength(1)
  })
  it('leaves a line on which nothing comes', async () => {
    const client = await settled()
    await vi.advanceTimersByTimeAsync(75_000)
    expect(lines[0]!.closed).toBe(true)
    expect(client.state.line).not.toBe('online')
  })
  it('waits longer after each failure, and never at the same time as others', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(1)
    const client = begin()
    const waits: number[] = []
    for (let failures = 0; failures < 8; failures++) {
      last().lose()
      waits.push(client.state.retryAtMs - Date.now())
      await vi.advanceTimersByTimeAsync(waits.at(-1)!)
    }
    expect(waits).toEqual([400, 800, 1600, 3200, 6400, 12800, 20000, 20000])
    vi.mocked(Math.random).mockReturnValue(0)
    last().lose()
    expect(client.state.retryAtMs - Date.now()).toBe(10_000)
  })
  it('comes back when a goodbye says so, and not before', async () => {
    await settled()
    last().tell({ goodbye: { detail: 'moving', reconnect: true, reconnectAfterMs: 5000 } })
    await vi.advanceTimersByTimeAsync(4900)
    expect(lines).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(200)
    expect(lines).toHaveLength(2)
  })
  it.each([
    [4400, 'ended'],
    [4401, 'refused'],
  ])('does not come back after a goodbye for good, close code %i', async (code, line) => {
    const client = await settled()
    last().tell({ goodbye: { detail: 'for good' } })
    last().lose(code)
    await vi.advanceTimersByTimeAsync(120_000)
    expect(client.state).toMatchObject({ line, trouble: 'for good' })
    expect(lines).toHaveLength(1)
  })
  it('stays unplugged, keeps what is said, and sends it when plugged in', async () => {
    const client = await settled()
    client.unplug()
    client.ask(text('in the dark'))
    client.nudge()
    await vi.advanceTimersByTimeAsync(120_000)
    expect(lines).toHaveLength(1)
    expect(client.state.outbox.pending).toHaveLength(1)
    client.plug()
    expect(sent(await greet('1'))).toEqual(['2 in the dark'])
  })
  it('takes a snapshot when told to, and reads the outcomes of what waits from behind it', async () => {
    const client = await settled()
    client.ask(text('a'))
    const line = last()
    line.answer('send', { accepted: { clientSeq: '2', conversation: 'ann/bob' } })
    line.tell({ resync: { detail: 'too old' } })
    line.answer('snapshot', { snapshot: { cursor: { inboxSeq: '30', epoch: '1' } } })
    expect(line.words('difference').at(-1).difference.cursor).toEqual({ inboxSeq: '1', epoch: '1' })
    const own = outcome(20, 2, { conversation: 'ann/bob', seq: '1', number: '1', message: { text: 'a', number: '1', seq: '1', sender: 'ann' } })
    line.answer('difference', { difference: { events: [own], cursor: { inboxSeq: '30', epoch: '1' } } })
    expect(client.state.outbox.pending).toEqual([])
    expect(client.state.cursor?.inboxSeq).toBe(30)
  })
  it('does not wait for the outcome of a repeat that stood where nothing is kept any more', async () => {
    const client = await settled()
    client.ask(text('taken, but nobody told us'))
    last().lose()
    await vi.advanceTimersByTimeAsync(400)
    const line = await greet('900')
    line.tell({ resync: { detail: 'too old' } })
    line.answer('snapshot', { snapshot: { cursor: { inboxSeq: '900', epoch: '1' } } })
    line.tell({ re: line.words('difference').at(-1).id, difference: { snapshotNeeded: true } })
    line.answer('send', { accepted: { clientSeq: '2', conversation: 'ann/bob' } })
    expect(client.state.outbox.pending).toHaveLength(1) // it may have been no repeat
    await vi.advanceTimersByTimeAsync(10_000)
    expect(client.state.outbox.pending).toEqual([])
    client.ask(text('next'))
    await vi.advanceTimersByTimeAsync(10_000)
    expect(sent(line).at(-1)).toBe('3 next')
    expect(client.state.outbox.pending).toHaveLength(1)
  })
  it('notices a house that began anew', async () => {
    const client = await settled()
    last().tell({ events: { events: [{ ...other(2, 1), message: undefined, created: { kind: 'KIND_DIRECT', members: [{ user: 'ann' }, { user: 'bob' }] } }, other(3, 2)] } })
    client.ask(text('not lost'))
    last().answer('send', { accepted: { clientSeq: '2', conversation: 'ann/bob' } })
    last().lose()
    await vi.advanceTimersByTimeAsync(400)
    const line = await greet('1')
    await vi.advanceTimersByTimeAsync(100)
    expect(line.words('seen')).toEqual([])
    for (let look = 0; look < 2; look++) {
      await vi.advanceTimersByTimeAsync(1000)
      line.answer('ping', { pong: { head: { inboxSeq: '1', epoch: '1' } } })
    }
    line.answer('snapshot', { snapshot: { cursor: { inboxSeq: '1', epoch: '1' } } })
    expect(client.state.cursor?.inboxSeq).toBe(1)
    expect(client.state.talks).toEqual({})
    // The old house had accepted it, this one never heard of it.
    expect(sent(line)).toEqual(['2 not lost'])
  })
})

describe('questions', () => {
  it('are asked again later and later when they are refused', async () => {
    const client = await settled()
    client.open('ann/zoe')
    const times: number[] = []
    for (let tries = 0; tries < 60; tries++) {
      const asked = last().words('history')
      if (asked.length > times.length) {
        times.push(tries)
        last().answer('history', { refused: { code: 'CODE_NOT_FOUND' } })
      }
      await vi.advanceTimersByTimeAsync(1000)
    }
    expect(times.length).toBeGreaterThan(3)
    expect(times.length).toBeLessThan(10)
  })
  it('watches again when the views did not know the conversation yet', async () => {
    await settled()
    const line = last()
    line.tell({ events: { events: [{ ...other(2, 1), message: undefined, created: { kind: 'KIND_DIRECT', members: [{ user: 'ann' }, { user: 'bob' }] } }] } })
    expect(line.words('watch')).toHaveLength(1)
    line.answer('watch', { refused: { code: 'CODE_NOT_FOUND' } })
    await vi.advanceTimersByTimeAsync(2000)
    expect(line.words('watch')).toHaveLength(2)
  })
  it('tells marks at most once a second, and again after the line broke', async () => {
    const client = await settled()
    const line = last()
    line.tell({ events: { events: [{ ...other(2, 1), message: undefined, created: { kind: 'KIND_DIRECT', members: [{ user: 'ann' }, { user: 'bob' }] } }] } })
    for (let number = 2; number < 7; number++) line.tell({ events: { events: [other(number + 1, number)] } })
    const marks = (from: Line) => from.words('seen').map((frame) => frame.seen.marks.delivered)
    expect(marks(line)).toEqual(['1'])
    await vi.advanceTimersByTimeAsync(1000)
    expect(marks(line)).toEqual(['1', '6'])
    client.unplug()
    client.plug()
    const next = await greet('7')
    await vi.advanceTimersByTimeAsync(1000)
    expect(marks(next)).toEqual(['6'])
  })
  it('passes over what it cannot read', async () => {
    const client = await settled()
    last().onmessage?.({ data: '{"events":' })
    last().tell({ events: { events: [{ inboxSeq: 'x' }] } })
    expect(client.state.line).toBe('online')
  })
})
