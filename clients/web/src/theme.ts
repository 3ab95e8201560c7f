// Light or dark: what the system prefers, until the person chooses. public/theme.js sets the choice before the first paint.

export type Theme = 'light' | 'dark'

const KEY = 'parley.theme'

export function currentTheme(): Theme {
  const chosen = document.documentElement.dataset.theme
  if (chosen === 'light' || chosen === 'dark') return chosen
  return matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'
}

export function toggleTheme(): Theme {
  const next: Theme = currentTheme() === 'dark' ? 'light' : 'dark'
  document.documentElement.dataset.theme = next
  try {
    localStorage.setItem(KEY, next)
  } catch {
    // Without storage the choice lives as long as the page.
  }
  return next
}
