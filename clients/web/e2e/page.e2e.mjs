// The page in a real browser against a real gateway: PARLEY_URL=http://127.0.0.1:8080 node --test e2e/page.e2e.mjs
// Pictures go to the folder PARLEY_SHOTS, where it is given. The gateway must be `parley dev` with the people ann and bob.
import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { chromium } from 'playwright-core'

const base = process.env.PARLEY_URL
const shots = process.env.PARLEY_SHOTS
const executablePath = process.env.PARLEY_CHROMIUM ?? '/usr/bin/chromium'
const args = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]
/** How long something may take to appear; milliseconds. */
const PATIENCE_MS = 15_000
/** How long somebody is away, so that what was missed comes as a difference and not as news; milliseconds. */
const VIEWS_KNOW_MS = 1_000
/** Words of this run alone, so that a kept house does not confuse it. */
const run = Date.now().toString(36)

/** What must stay text, wherever people can write. */
const HOSTILE = [
  '<script>window.hurt=1</script>',
  '<img src=x onerror="window.hurt=1">',
  '"><svg onload=window.hurt=1>',
  "javascript:window.hurt=1//'",
  '<a href="javascript:window.hurt=1">x</a>',
  '{@html "<b>x</b>"} {{constructor.constructor("window.hurt=1")()}} ${window.hurt=1}',
  '</title></textarea><iframe srcdoc="<script>parent.hurt=1</script>">',
  '<style>*{display:none}</style><link rel=stylesheet href=//evil.example>',
  '\u202e<b>evil\u202c &lt;script&gt;',
]

describe('two people on one page', { skip: base ? false : 'PARLEY_URL is not set', concurrency: false }, () => {
  let browser, context, page, ann, bob
  const complaints = []

  function listen(to, name) {
    to.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') complaints.push(`${name}: ${message.text()}`)
    })
    to.on('pageerror', (error) => complaints.push(`${name}: ${error.message}`))
    to.on('request', (request) => {
      if (new URL(request.url()).host !== new URL(base).host) complaints.push(`${name} asked outside: ${request.url()}`)
      if (/eyJ|token=/.test(request.url())) complaints.push(`${name} has a token in an address`)
    })
  }
  async function shot(name) {
    if (!shots) return
    mkdirSync(shots, { recursive: true })
    await page.screenshot({ path: join(shots, `${name}.png`) })
  }
  const field = (pane) => pane.getByRole('textbox', { name: 'Message' })
  const bubbles = (pane, text) => pane.locator('.bubble').filter({ hasText: text })
  const stage = (pane, text) => bubbles(pane, text).locator('[data-stage]').last()
  const soon = (locator, options = {}) => locator.first().waitFor({ timeout: PATIENCE_MS, ...options })
  async function say(pane, text) {
    await field(pane).fill(text)
    await field(pane).press('Enter')
  }
  async function reaches(pane, text, stages) {
    const wanted = stages.map((one) => `[data-stage="${one}"]`).join(',')
    await soon(bubbles(pane, text).locator(wanted).last())
  }
  const line = (pane, peer) => pane.getByRole('navigation').getByRole('button').filter({ hasText: peer })
  async function openDirect(pane, peer) {
    await soon(pane.locator('nav [data-conversation], nav .empty').first())
    const known = pane.locator(`nav [data-conversation$="/${peer}"], nav [data-conversation^="${peer}/"]`)
    if ((await known.count()) > 0) await known.first().click()
    else {
      await pane.getByRole('button', { name: 'New conversation' }).click()
      await page.locator(`[data-person="${peer}"]`).click()
      await page.getByRole('button', { name: 'Open', exact: true }).click()
    }
    await soon(field(pane))
  }
  const texts = (pane) => pane.locator('.bubble .text').allTextContents()

  before(async () => {
    browser = await chromium.launch({ executablePath, args })
    context = await browser.newContext({ viewport: { width: 1440, height: 900 }, colorScheme: 'light', reducedMotion: 'reduce' })
    page = await context.newPage()
    listen(page, 'page')
  })
  after(async () => browser?.close())

  test('the start page offers the people and no token stands in an address', async () => {
    await page.goto(base)
    await soon(page.locator('[data-person="ann"]'))
    await shot('start-light')
    await page.locator('[data-person="ann"]').click()
    await page.locator('[data-person="bob"]').click()
    await page.getByRole('link', { name: /side by side/ }).click()
    await page.waitForURL(/\?as=ann&and=bob$/)
    ann = page.locator('[data-user="ann"]')
    bob = page.locator('[data-user="bob"]')
    await soon(ann.getByText('Online', { exact: true }))
    await soon(bob.getByText('Online', { exact: true }))
  })

  test('a message goes both ways and its ticks rise; what is unread is counted', async () => {
    await openDirect(ann, 'bob')
    await say(ann, `first ${run}`)
    await reaches(ann, `first ${run}`, ['sent', 'delivered', 'read'])
    await say(ann, `second ${run}`)
    await soon(bob.locator('nav [data-unread]').first())
    await reaches(ann, `second ${run}`, ['delivered'])
    const unread = Number(await bob.locator('nav button').filter({ hasText: `second ${run}` }).locator('[data-unread]').getAttribute('data-unread'))
    assert.ok(unread >= 2, `unread is ${unread}`)
    await shot('unread-light')
    await openDirect(bob, 'ann')
    await soon(bubbles(bob, `second ${run}`))
    await soon(bob.locator('nav button').filter({ hasText: `second ${run}` }).locator('[data-unread]'), { state: 'detached' })
    await reaches(ann, `second ${run}`, ['read'])
    await say(bob, `back ${run}`)
    await soon(bubbles(ann, `back ${run}`))
    await reaches(bob, `back ${run}`, ['read'])
  })

  test('typing is shown and goes away', async () => {
    await field(bob).pressSequentially('let me think about it', { delay: 150 })
    await soon(ann.locator('.typing').getByText(/is typing/))
    await shot('typing-light')
    await field(bob).fill('')
    await ann.locator('.typing .dots').waitFor({ state: 'detached', timeout: PATIENCE_MS })
  })

  test('an answer quotes what it answers', async () => {
    const row = bob.locator('.row').filter({ hasText: `second ${run}` })
    await row.hover()
    await row.getByRole('button', { name: 'Reply to this message' }).click()
    await say(bob, `answer ${run}`)
    await soon(bubbles(ann, `answer ${run}`).locator('.quote').filter({ hasText: `second ${run}` }))
  })

  test('unplugged, both go on; plugged in again nothing is lost or doubled', async () => {
    await bob.getByRole('switch', { name: 'Plugged in' }).click()
    await soon(bob.getByText('Unplugged', { exact: true }))
    for (let one = 1; one <= 5; one++) await say(ann, `missed ${one} ${run}`)
    for (let one = 1; one <= 3; one++) await say(bob, `dark ${one} ${run}`)
    await reaches(ann, `missed 5 ${run}`, ['sent', 'delivered', 'read'])
    assert.equal(await stage(bob, `dark 3 ${run}`).getAttribute('data-stage'), 'sending')
    assert.equal(await bubbles(bob, `missed 1 ${run}`).count(), 0)
    await shot('unplugged-light')
    await page.waitForTimeout(VIEWS_KNOW_MS)
    await bob.getByRole('switch', { name: 'Plugged in' }).click()
    await soon(bubbles(bob, `missed 5 ${run}`))
    await soon(bubbles(ann, `dark 3 ${run}`))
    await reaches(bob, `dark 3 ${run}`, ['read'])
    const own = (all) => all.filter((text) => text.includes(run) && /missed|dark/.test(text))
    const [atAnn, atBob] = [own(await texts(ann)), own(await texts(bob))]
    assert.deepEqual(atAnn, atBob, 'both show the same in the same order')
    assert.equal(new Set(atBob).size, 8)
    assert.equal(atBob.length, 8)
    const resumed = Number(await bob.locator('[data-resumed]').getAttribute('data-resumed'))
    assert.ok(resumed >= 5, `${resumed} events by difference`)
    await shot('resumed-light')
  })

  test('a closed page sends what waited when it is opened again, once', async () => {
    await bob.getByRole('switch', { name: 'Plugged in' }).click()
    await say(bob, `kept ${run}`)
    await page.reload()
    await soon(bob.getByText('Online', { exact: true }))
    await openDirect(ann, 'bob')
    await soon(bubbles(ann, `kept ${run}`))
    await openDirect(bob, 'ann')
    await reaches(bob, `kept ${run}`, ['sent', 'delivered', 'read'])
    assert.equal(await bubbles(ann, `kept ${run}`).count(), 1)
    assert.equal(await bubbles(bob, `kept ${run}`).count(), 1)
  })

  test('what is hostile stays text, in messages, titles and names', async () => {
    for (const [at, text] of HOSTILE.entries()) await say(ann, `${at} ${run} ${text}`)
    await soon(bubbles(bob, `${HOSTILE.length - 1} ${run}`))
    const shown = await texts(bob)
    for (const [at, text] of HOSTILE.entries()) assert.ok(shown.includes(`${at} ${run} ${text}`), text)
    assert.equal(await page.locator('.bubble :is(script, img, svg:not(.ticks svg, .avatar svg), iframe, style, link, a[href^="javascript"])').count(), 0)
    await ann.getByRole('button', { name: 'New conversation' }).click()
    await page.getByRole('button', { name: 'Group', exact: true }).click()
    await page.getByLabel('Title').fill(`<img src=x onerror=window.hurt=1> ${run}`)
    await page.locator('[data-person="bob"]').click()
    await page.getByRole('button', { name: 'Create group' }).click()
    await soon(ann.getByRole('heading', { name: `<img src=x onerror=window.hurt=1> ${run}` }).first())
    await soon(line(bob, run).filter({ hasText: '<img src=x' }).first())
    assert.equal(await page.evaluate(() => window.hurt), undefined)
  })

  test('long texts are folded, right-to-left texts stand right-to-left, pictures are large', async () => {
    const long = `long ${run} ` + 'word '.repeat(900)
    await say(ann, long)
    await say(ann, `שלום עולם ${run}`)
    await say(ann, '😀')
    await soon(ann.getByRole('button', { name: 'Show all' }).last())
    await soon(bubbles(ann, `שלום עולם ${run}`))
    const direction = await bubbles(ann, `שלום עולם ${run}`).locator('.text').evaluate((node) => getComputedStyle(node).direction)
    assert.equal(direction, 'rtl')
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true)
  })

  test('a group: the members, a role, a new title, an invitation, leaving', async () => {
    await ann.getByRole('button', { name: 'Details', exact: true }).click()
    const details = ann.getByRole('dialog', { name: 'Details' })
    await soon(details.locator('[data-member="bob"]'))
    await details.getByLabel(/^Role of/).first().selectOption('ROLE_ADMIN')
    await soon(ann.getByText(/made .* admin/))
    await details.getByRole('button', { name: 'Rename' }).click()
    await details.getByLabel('Title').fill(`Harbour ${run}`)
    await details.getByRole('button', { name: 'Save' }).click()
    await soon(line(bob, `Harbour ${run}`).first())
    await shot('details-light')
    await line(bob, `Harbour ${run}`).first().click()
    await bob.getByRole('button', { name: 'Details', exact: true }).click()
    await bob.getByRole('button', { name: 'Leave group' }).click()
    await bob.getByRole('button', { name: 'Leave', exact: true }).click()
    await soon(bob.getByText('You are not a member of this conversation any more.'))
    await details.locator('[data-member="bob"]').waitFor({ state: 'detached', timeout: PATIENCE_MS })
    await details.getByRole('button', { name: 'Invite', exact: true }).click()
    await details.locator('[data-person="bob"]').click()
    await details.getByRole('button', { name: 'Invite 1' }).click()
    await soon(bob.getByRole('button', { name: 'Join', exact: true }))
    await bob.getByRole('button', { name: 'Join', exact: true }).click()
    await soon(field(bob))
    await say(bob, `joined ${run}`)
    await soon(bubbles(ann, `joined ${run}`))
    await details.getByRole('button', { name: 'Close details' }).click()
  })

  test('a block stops what is sent, tells nobody else, and what was refused can be tried again', async () => {
    await openDirect(bob, 'ann')
    await openDirect(ann, 'bob')
    await ann.getByRole('button', { name: 'Details', exact: true }).click()
    await ann.getByRole('button', { name: /^Block / }).click()
    await soon(ann.getByText(/^You blocked/))
    await say(bob, `blocked ${run}`)
    await soon(bob.getByRole('alert').filter({ hasText: 'blocked the other' }))
    await shot('blocked-light')
    await ann.getByRole('button', { name: 'Close details' }).click()
    await ann.locator('.closed').getByRole('button', { name: 'Unblock' }).click()
    await soon(field(ann))
    await bob.getByRole('button', { name: 'Try again' }).click()
    await soon(bubbles(ann, `blocked ${run}`))
    await bob.getByRole('alert').first().waitFor({ state: 'detached', timeout: PATIENCE_MS })
    assert.equal(await bubbles(bob, `blocked ${run}`).count(), 1)
    await say(bob, `again ${run}`)
    await soon(bubbles(ann, `again ${run}`))
  })

  test('older messages come when one scrolls up, and what one looks at stays', async () => {
    for (let one = 1; one <= 60; one++) await say(ann, `page ${String(one).padStart(2, '0')} ${run}`)
    await reaches(ann, `page 60 ${run}`, ['sent', 'delivered', 'read'])
    const conversation = await ann.locator('nav [aria-current]').getAttribute('data-conversation')
    await page.goto(`${base}/?as=ann&and=bob&open=${encodeURIComponent(conversation)}`)
    await soon(bubbles(ann, `page 60 ${run}`))
    assert.equal(await bubbles(ann, `page 01 ${run}`).count(), 0)
    const box = ann.getByRole('log')
    const atEnd = () => box.evaluate((node) => node.scrollHeight - node.scrollTop - node.clientHeight < 4)
    for (let tries = 0; tries < 20 && !(await atEnd()); tries++) await page.waitForTimeout(100)
    assert.ok(await atEnd(), 'it begins at the newest')
    for (let tries = 0; tries < 20 && (await bubbles(ann, `page 01 ${run}`).count()) === 0; tries++) {
      await box.evaluate((node) => (node.scrollTop = 0))
      await page.waitForTimeout(250)
    }
    const shown = (await texts(ann)).filter((text) => /^page \d\d/.test(text) && text.includes(run))
    assert.deepEqual(shown, Array.from({ length: 60 }, (_, at) => `page ${String(at + 1).padStart(2, '0')} ${run}`))
  })

  test('the log grows below, is filtered by key and held still', async () => {
    await page.getByRole('button', { name: /^The log/ }).click()
    await say(bob, `logged ${run}`)
    await soon(page.locator('.lane .record').first())
    await soon(bubbles(ann, `logged ${run}`))
    await shot('log-lanes-light')
    await page.getByRole('button', { name: 'Table' }).click()
    await soon(page.locator('tbody tr').first())
    await page.getByLabel('Filter by key').fill('bob')
    const keys = await page.locator('tbody tr td:nth-child(5)').allTextContents()
    assert.ok(keys.length > 0 && keys.every((key) => key.includes('bob')), keys.join(' '))
    await page.getByRole('button', { name: 'Pause' }).click()
    const rows = await page.locator('tbody tr').first().textContent()
    await say(bob, `held ${run}`)
    await soon(bubbles(ann, `held ${run}`))
    assert.equal(await page.locator('tbody tr').first().textContent(), rows)
    await shot('log-table-light')
    await page.getByRole('button', { name: 'Go on' }).click()
    await page.getByRole('button', { name: /^The log/ }).click()
  })

  test('the keyboard alone is enough to open a conversation and write', async () => {
    await page.reload()
    await soon(line(ann, /./).first())
    await line(ann, `again ${run}`).or(line(ann, /./).first()).first().focus()
    await page.keyboard.press('Enter')
    await soon(field(ann))
    for (let tabs = 0; tabs < 60; tabs++) {
      await page.keyboard.press('Tab')
      if (await field(ann).evaluate((node) => node === document.activeElement)) break
    }
    await page.keyboard.type(`typed ${run}`)
    await page.keyboard.press('Enter')
    await soon(bubbles(ann, `typed ${run}`))
  })

  test('every control has a name', async () => {
    const nameless = await page.evaluate(() =>
      [...document.querySelectorAll('button, a, input, textarea, select')]
        .filter((node) => node.checkVisibility())
        .filter((node) => !(node.getAttribute('aria-label') || node.labels?.length || node.textContent.trim()))
        .map((node) => node.outerHTML.slice(0, 120)),
    )
    assert.deepEqual(nameless, [])
  })

  test('a phone shows one pane at a time, light and dark', async () => {
    await openDirect(ann, 'bob')
    await page.setViewportSize({ width: 390, height: 844 })
    await shot('phone-light')
    await soon(bob, { state: 'hidden' })
    await page.getByRole('group', { name: 'Who is in front' }).getByRole('button').nth(1).click()
    await soon(bob)
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true)
    await shot('phone-list-light')
    await page.emulateMedia({ colorScheme: 'dark' })
    await page.getByRole('group', { name: 'Who is in front' }).getByRole('button').nth(0).click()
    await shot('phone-dark')
    await page.setViewportSize({ width: 1440, height: 900 })
    await shot('desktop-dark')
    await page.getByRole('button', { name: 'Use light colours' }).click()
    assert.equal(await page.evaluate(() => getComputedStyle(document.documentElement).colorScheme), 'light')
    await page.reload()
    await soon(ann.getByText('Online', { exact: true }))
    assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), 'light')
    await shot('desktop-light')
  })

  test('nobody complained: no error, no violation of the policy, nothing asked outside', () => {
    assert.deepEqual(complaints, [])
  })
})
