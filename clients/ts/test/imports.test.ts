// Imports run one way: no file of the client or of the page imports itself through others, and the client needs nothing else.
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

/** What each file of a folder imports: files of the same folder by name, everything else as it is written. */
function importsOf(folder: URL): Map<string, string[]> {
  const names = readdirSync(folder).filter((name) => /\.(ts|svelte)$/.test(name))
  return new Map(names.map((name) => [name, importsIn(readFileSync(new URL(name, folder), 'utf8')).map((from) => fileOf(from, names))]))
}

function importsIn(source: string): string[] {
  return [...source.matchAll(/^\s*import ['"]([^'"]+)['"]|[}\w*] from ['"]([^'"]+)['"]/gm)].map((match) => match[1] ?? match[2]!)
}

function fileOf(from: string, names: string[]): string {
  const name = from.replace(/^\.\//, '')
  return [name, `${name}.ts`].find((one) => from.startsWith('./') && names.includes(one)) ?? from
}

/** The first circle of imports, as a path from a file back to itself; empty when there is none. */
function circleIn(imports: Map<string, string[]>): string[] {
  const done = new Set<string>()
  const walk = (name: string, path: string[]): string[] => {
    if (path.includes(name)) return [...path.slice(path.indexOf(name)), name]
    if (done.has(name)) return []
    for (const next of imports.get(name) ?? []) {
      const circle = walk(next, [...path, name])
      if (circle.length > 0) return circle
    }
    done.add(name)
    return []
  }
  for (const name of imports.keys()) {
    const circle = walk(name, [])
    if (circle.length > 0) return circle
  }
  return []
}

const client = importsOf(new URL('../src/', import.meta.url))
const page = importsOf(new URL('../../web/src/', import.meta.url))

describe('imports', () => {
  it('of the test below are read and circles are found', () => {
    expect(client.get('inbox.ts')).toContain('state.ts')
    expect(page.get('App.svelte')?.some((name) => name.endsWith('.svelte'))).toBe(true)
    expect(importsIn("import {\n  a,\n} from './b'\nimport './c'\nexport { d } from './e'\n")).toEqual(['./b', './c', './e'])
    expect(circleIn(new Map([['a', ['b']], ['b', ['c']], ['c', ['b']]]))).toEqual(['b', 'c', 'b'])
  })
  it('form no circle in the client', () => expect(circleIn(client)).toEqual([]))
  it('form no circle in the page', () => expect(circleIn(page)).toEqual([]))
  it('of the client name files of the client alone', () => {
    for (const [name, imports] of client) for (const from of imports) expect(client.has(from), `${name} imports ${from}`).toBe(true)
  })
})
