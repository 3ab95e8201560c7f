// The log as it grows: records told by the gateway of `parley dev` over Server-Sent Events.

export interface LogRecord {
  id: string
  topic: string
  partition: number
  offset: number
  key: string
  word: string
  seq: number
  size: number
  timeMs: number
}

/** Records that are kept for the table; count. */
export const KEPT_RECORDS = 400

const text = (value: unknown) => (typeof value === 'string' ? value : '')
const whole = (value: unknown) => (Number.isFinite(Number(value)) ? Number(value) : 0)

export function readRecord(data: string): LogRecord | undefined {
  try {
    const json = JSON.parse(data) as Record<string, unknown>
    const topic = text(json.topic)
    if (!topic) return undefined
    const partition = whole(json.partition)
    const offset = whole(json.offset)
    return {
      id: `${topic}/${partition}/${offset}`,
      topic,
      partition,
      offset,
      key: text(json.key),
      word: text(json.word),
      seq: whole(json.seq),
      size: whole(json.size),
      timeMs: whole(json.time_ms),
    }
  } catch {
    return undefined
  }
}

/** Adds records to those kept: each place of the log once, the newest last, and no more than are kept. */
export function addRecords(kept: LogRecord[], fresh: LogRecord[]): LogRecord[] {
  const seen = new Set(kept.map((one) => one.id))
  const added = fresh.filter((one) => !seen.has(one.id) && seen.add(one.id))
  return added.length === 0 ? kept : [...kept, ...added].slice(-KEPT_RECORDS)
}

/** Follows the log; absent() is called where the gateway shows none. Returns how to stop. */
export function followLog(heard: (record: LogRecord) => void, state: (up: boolean) => void, absent: () => void): () => void {
  const source = new EventSource('/v1/log')
  let opened = false
  source.onopen = () => {
    opened = true
    state(true)
  }
  source.onmessage = (event) => {
    const record = readRecord(String(event.data))
    if (record) heard(record)
  }
  source.onerror = () => {
    state(false)
    if (source.readyState === EventSource.CLOSED && !opened) absent()
  }
  return () => source.close()
}
