// How protojson is read and written.
import { describe, expect, it } from 'vitest'
import { ClientFrame, Event, ServerFrame } from '../src/frames'
import { ShapeError } from '../src/shape'

describe('reading', () => {
  it('fills what protojson leaves out', () => {
    const frame = ServerFrame.read({ re: '7', snapshot: { conversations: [{ conversation: 'ann/bob', marks: { read: '3' } }] } })
    expect(frame.re).toBe(7)
    expect(frame.snapshot?.cursor).toEqual({ inboxSeq: 0, epoch: 0 })
    expect(frame.snapshot?.conversations[0]).toMatchObject({ kind: 'KIND_UNSPECIFIED', unread: 0, marks: { delivered: 0, read: 3 } })
    expect(frame.snapshot?.conversations[0]).not.toHaveProperty('last')
  })
  it('takes 64-bit integers as strings and as numbers, and nothing that is not exact', () => {
    expect(Event.read({ inboxSeq: '12', epoch: 1 })).toMatchObject({ inboxSeq: 12, epoch: 1 })
    for (const wrong of ['9007199254740993', '1.5', 'x', true, {}]) {
      expect(() => Event.read({ inboxSeq: wrong }), String(wrong)).toThrow(ShapeError)
    }
  })
  it('keeps an empty word apart from an absent one', () => {
    expect(ServerFrame.read({ pong: {} }).pong).toEqual({})
    expect(ServerFrame.read({}).pong).toBeUndefined()
  })
  it('passes over what it does not know', () => {
    expect(Event.read({ inboxSeq: '1', novelty: { a: 1 }, refused: { reason: 'REASON_OF_TOMORROW' } }).refused).toEqual({
      reason: 'REASON_UNSPECIFIED',
      expectedClientSeq: 0,
    })
  })
  it('refuses what has another shape', () => {
    for (const wrong of [{ events: [] }, { events: { events: {} } }, { welcome: { user: 5 } }]) {
      expect(() => ServerFrame.read(wrong), JSON.stringify(wrong)).toThrow(ShapeError)
    }
  })
})

describe('writing', () => {
  it.each([
    [{ id: 1, hello: { token: 't', deviceId: 'd', cursor: { inboxSeq: 12, epoch: 1 } } }, '{"id":"1","hello":{"token":"t","deviceId":"d","cursor":{"inboxSeq":"12","epoch":"1"}}}'],
    [{ id: 2, hello: { token: 't', deviceId: 'd' } }, '{"id":"2","hello":{"token":"t","deviceId":"d"}}'],
    [{ id: 3, ping: {} }, '{"id":"3","ping":{}}'],
    [{ id: 4, send: { clientSeq: 9, conversation: 'ann/bob', text: { text: 'hi', replyTo: 0 } } }, '{"id":"4","send":{"clientSeq":"9","conversation":"ann/bob","text":{"text":"hi"}}}'],
    [{ id: 5, send: { clientSeq: 1, conversation: 'g-1/main', leave: {} } }, '{"id":"5","send":{"clientSeq":"1","conversation":"g-1/main","leave":{}}}'],
    [{ id: 6, difference: { cursor: { inboxSeq: 0, epoch: 0 }, limit: 20 } }, '{"id":"6","difference":{"cursor":{},"limit":20}}'],
    [{ id: 7, send: { clientSeq: 2, conversation: 'g-1/main', changeRole: { user: 'bob', role: 'ROLE_ADMIN' as const } } }, '{"id":"7","send":{"clientSeq":"2","conversation":"g-1/main","changeRole":{"user":"bob","role":"ROLE_ADMIN"}}}'],
  ])('%j', (frame, json) => {
    expect(JSON.stringify(ClientFrame.write(frame))).toBe(json)
  })
})
