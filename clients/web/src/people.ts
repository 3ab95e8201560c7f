// Who may be shown: the people of `parley dev`, or whoever's token was pasted. Tokens never stand in an address.

export interface DevPerson {
  user: string
  name: string
  token: string
}

let known: Promise<DevPerson[] | null> | undefined

/** The people of `parley dev`; null where the gateway gives away no tokens. */
export function devPeople(again = false): Promise<DevPerson[] | null> {
  if (!known || again) known = readPeople()
  return known
}

async function readPeople(): Promise<DevPerson[] | null> {
  try {
    const answer = await fetch('/v1/dev/people', { headers: { accept: 'application/json' } })
    if (!answer.ok) return null
    const people: unknown = await answer.json()
    if (!Array.isArray(people)) return null
    return people.filter((one) => typeof one?.user === 'string' && typeof one?.token === 'string')
  } catch {
    known = undefined // The gateway was not there: ask again next time.
    return null
  }
}

const keyOf = (user: string) => `parley.token.${user}`

/** Keeps a pasted token for this tab only. */
export function keepToken(user: string, token: string): void {
  sessionStorage.setItem(keyOf(user), token)
}

export function dropToken(user: string): void {
  sessionStorage.removeItem(keyOf(user))
}

/** The token of a person; rejects when there is none. */
export async function tokenOf(user: string, again: boolean): Promise<string> {
  const kept = sessionStorage.getItem(keyOf(user))
  if (kept) return kept
  const people = await devPeople(again)
  const token = people?.find((one) => one.user === user)?.token
  if (!token) throw new Error(people ? `The gateway knows no token for “${user}”.` : 'A token is needed.')
  return token
}

/** The person whom a token speaks of, read without checking it: the gateway checks. */
export function subjectOf(token: string): string {
  try {
    const part = token.split('.')[1] ?? ''
    const json = JSON.parse(atob(part.replace(/-/g, '+').replace(/_/g, '/'))) as { sub?: unknown }
    return typeof json.sub === 'string' ? json.sub : ''
  } catch {
    return ''
  }
}
