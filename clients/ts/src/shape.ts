// A shape says how a protobuf message stands in JSON (protojson): 64-bit integers are strings, what is zero is left out,
// enums are their names. Reading fills what was left out, so that the rest of the page never meets an undefined number.

/** A kind reads a value from JSON and writes it back; undefined from write means: leave it out. */
export interface Kind<T> {
  read(json: unknown): T
  write(value: T): unknown
}

/** What a kind holds. */
export type Of<K> = K extends Kind<infer T> ? T : never

type Absent<F> = { [K in keyof F]: undefined extends Of<F[K]> ? K : never }[keyof F]
/** The TypeScript type of a message with these fields: what may be absent is optional. */
export type Fields<F> = { [K in Exclude<keyof F, Absent<F>>]: Of<F[K]> } & { [K in Absent<F>]?: Of<F[K]> }

/** Thrown when the other side does not speak the protocol. */
export class ShapeError extends Error {}

function isObject(json: unknown): json is Record<string, unknown> {
  return typeof json === 'object' && json !== null && !Array.isArray(json)
}

export const text: Kind<string> = {
  read: (json) => {
    if (json === undefined || json === null) return ''
    if (typeof json !== 'string') throw new ShapeError(`a text is ${typeof json}`)
    return json
  },
  write: (value) => value || undefined,
}

export const flag: Kind<boolean> = {
  read: (json) => json === true,
  write: (value) => value || undefined,
}

function readNumber(json: unknown): number {
  if (json === undefined || json === null) return 0
  const value = typeof json === 'string' && json !== '' ? Number(json) : json
  // Numbers of the house are dense counts and milliseconds: far below 2^53. Beyond it they could not be compared exactly.
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw new ShapeError(`not a whole number: ${String(json)}`)
  return value
}

/** uint64 and int64: strings in JSON. */
export const count: Kind<number> = { read: readNumber, write: (value) => (value === 0 ? undefined : String(value)) }

/** uint32 and int32: numbers in JSON. */
export const small: Kind<number> = { read: readNumber, write: (value) => (value === 0 ? undefined : value) }

/** An enum: its first name stands for zero and for names that this page does not know yet. */
export function names<const N extends readonly [string, ...string[]]>(...all: N): Kind<N[number]> {
  return {
    read: (json) => (typeof json === 'string' && all.includes(json) ? (json as N[number]) : all[0]),
    write: (value) => (value === all[0] ? undefined : value),
  }
}

export function list<T>(kind: Kind<T>): Kind<T[]> {
  return {
    read: (json) => {
      if (json === undefined || json === null) return []
      if (!Array.isArray(json)) throw new ShapeError('a list is something else')
      return json.map((item) => kind.read(item))
    },
    write: (value) => (value.length === 0 ? undefined : value.map((item) => kind.write(item) ?? {})),
  }
}

/** A message that may be absent: a member of a oneof, or a field whose absence says something. */
export function some<T>(kind: Kind<T>): Kind<T | undefined> {
  return {
    read: (json) => (json === undefined || json === null ? undefined : kind.read(json)),
    write: (value) => (value === undefined ? undefined : (kind.write(value) ?? {})),
  }
}

/** A message. Fields that this page does not know are passed over. */
export function message<F extends Record<string, Kind<any>>>(fields: F): Kind<Fields<F>> {
  const known = Object.entries(fields)
  return {
    read: (json) => {
      if (json !== undefined && json !== null && !isObject(json)) throw new ShapeError('a message is something else')
      const from = json ?? {}
      const value: Record<string, unknown> = {}
      for (const [name, kind] of known) {
        const read = kind.read((from as Record<string, unknown>)[name])
        if (read !== undefined) value[name] = read
      }
      return value as Fields<F>
    },
    write: (value) => {
      const json: Record<string, unknown> = {}
      for (const [name, kind] of known) {
        const field = (value as Record<string, unknown>)[name]
        const written = field === undefined ? undefined : kind.write(field)
        if (written !== undefined) json[name] = written
      }
      return json
    },
  }
}
