// Small parts of the page that are plain functions: links, the log's records, and the built page itself.
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { isFewEmoji, pieces } from '../src/links'
import { addRecords, KEPT_RECORDS, readRecord, type LogRecord } from '../src/log'

describe('links', () => {
  it.each([
    ['see https://example.org/a, ok', ['https://example.org/a']],
    ['(http://a.b)', ['http://a.b']],
    ['javascript:alert(1) data:text/html,x //a.b', []],
    ['https:// https://"><img src=x onerror=alert(1)>', []],
    ['https://a.b/"onmouseover="x', ['https://a.b/']],
  ])('%s', (text, links) => {
    const found = pieces(text)
    expect(found.map((piece) => piece.text).join('')).toBe(text)
    expect(found.flatMap((piece) => piece.href ?? [])).toEqual(links)
  })
  it('shows few pictures large, and digits not', () => {
    expect(['😀', '👩‍👩‍👧 🚢', '🇮🇱'].map(isFewEmoji)).toEqual([true, true, true])
    expect(['', '12', '😀😀😀😀', 'ok 😀'].map(isFewEmoji)).toEqual([false, false, false, false])
  })
})

describe('the log', () => {
  const record = (offset: number) => readRecord(JSON.stringify({ topic: 'inbox.events', partition: 3, offset, key: 'ann', word: 'Message', size: 90, time_ms: 5 }))!
  it('reads numbers that are strings, and nothing that is no record', () => {
    expect(readRecord('{"topic":"a","partition":1,"offset":"7","time_ms":"9"}')).toMatchObject({ id: 'a/1/7', timeMs: 9, key: '' })
    expect([readRecord('x'), readRecord('{}'), readRecord('{"topic":5}')]).toEqual([undefined, undefined, undefined])
  })
  it('keeps each place once and no more than it may', () => {
    expect(addRecords([record(1)], [record(1), record(2), record(2)]).map((one) => one.offset)).toEqual([1, 2])
    let kept: LogRecord[] = []
    for (let offset = 0; offset < KEPT_RECORDS + 50; offset++) kept = addRecords(kept, [record(offset)])
    expect(kept).toHaveLength(KEPT_RECORDS)
    expect(kept.at(-1)?.offset).toBe(KEPT_RECORDS + 49)
  })
})

describe('the built page', () => {
  const dist = new URL('../dist/', import.meta.url)
  const names = readdirSync(dist, { recursive: true, withFileTypes: true }).filter((file) => file.isFile())
  const files = names.map((file) => ({ name: file.name, text: readFileSync(`${file.parentPath}/${file.name}`, 'utf8') }))
  const html = files.find((file) => file.name === 'index.html')!.text

  it('has nothing inline', () => {
    expect(html).not.toMatch(/\sstyle=|<style|\son[a-z]+=/i)
    for (const script of html.match(/<script\b[^>]*>[^<]*<\/script>/g) ?? []) expect(script).toMatch(/ src="[^"]+"><\/script>$/)
  })
  it('names nothing outside, has no source maps and no eval', () => {
    for (const file of files) {
      expect(file.text.match(/https?:\/\/(?!www\.w3\.org\/)[a-z0-9.-]+\.[a-z]+/gi) ?? [], file.name).toEqual([])
      expect(file.text, file.name).not.toMatch(/sourceMappingURL|\beval\(|new Function\(|@font-face|@import/)
      expect(file.name).not.toMatch(/\.map$/)
    }
  })
  it('puts no HTML into the page from what people say', () => {
    const sources = readdirSync(new URL('../src/', import.meta.url)).filter((name) => name.endsWith('.svelte'))
    for (const name of sources) expect(readFileSync(new URL(`../src/${name}`, import.meta.url), 'utf8'), name).not.toMatch(/\{@html|innerHTML/)
  })
})
