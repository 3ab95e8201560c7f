// How the page is built: into dist/, the same bytes each time, without source maps and without anything inline.
import { svelte } from '@sveltejs/vite-plugin-svelte'
import { defineConfig, type Plugin } from 'vite'

/** Svelte's own errors name pages of svelte.dev; what is served names no address outside. */
function withoutAddresses(): Plugin {
  return {
    name: 'without-addresses',
    renderChunk: (code) => code.replaceAll('https://svelte.dev/e/', 'svelte: '),
  }
}

export default defineConfig({
  plugins: [svelte(), withoutAddresses()],
  build: {
    target: 'es2022',
    // light-dark() is kept as it is written.
    cssTarget: ['chrome123', 'firefox120', 'safari17.5'],
    sourcemap: false,
    assetsInlineLimit: 0,
    modulePreload: false,
    reportCompressedSize: false,
  },
  server: { proxy: { '/v1': { target: 'http://127.0.0.1:8080', ws: true } } },
})
