// Cuts a text into plain pieces and web addresses. Only http and https become links; everything else stays text.

export interface Piece {
  text: string
  href?: string
}

const address = /https?:\/\/[^\s<>"'`]+/g
/** Signs that end a sentence rather than an address. */
const tail = /[.,;:!?)\]}»”’]+$/

export function pieces(text: string): Piece[] {
  const found: Piece[] = []
  let at = 0
  for (const match of text.matchAll(address)) {
    const whole = match[0].replace(tail, '')
    if (!URL.canParse(whole)) continue
    if (match.index > at) found.push({ text: text.slice(at, match.index) })
    found.push({ text: whole, href: whole })
    at = match.index + whole.length
  }
  if (at < text.length) found.push({ text: text.slice(at) })
  return found
}

const emoji = /^(?:\p{Extended_Pictographic}|\p{Emoji_Modifier}|\p{Regional_Indicator}|\u200d|\ufe0f|\s)+$/u

/** A text of one to three pictures is shown large. */
export function isFewEmoji(text: string): boolean {
  return text.length <= 24 && emoji.test(text) && [...new Intl.Segmenter().segment(text.trim())].length <= 3
}
