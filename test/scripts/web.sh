#!/usr/bin/env bash
# The page's own tests, then two people who chat in headless Chromium against bin/parley dev.
set -euo pipefail
cd "$(dirname "$0")/../.."

lack() { # lack WHAT: loud, and a failure where CI demands everything
  echo "SKIPPED: the page is not tested: $1; set PARLEY_REAL=required to make this fail" >&2
  [ "${PARLEY_REAL:-}" = required ] && exit 1
  exit 0
}

major=$(node --version 2>/dev/null | sed 's/^v\([0-9]*\).*/\1/' || true)
[ "${major:-0}" -ge 20 ] || lack "it needs Node 20 or newer, here is $(node --version 2>/dev/null || echo none)"
bash test/scripts/need.sh chromium || lack "Chromium cannot be installed here"

bash clients/web/build.sh
git diff --exit-code --stat -- clients/web/dist || { echo "clients/web/dist is stale: run make page and commit it" >&2; exit 1; }
(cd clients && npm test)

data=$(mktemp -d)
log=$data/parley.log
bin/parley dev --http 127.0.0.1:0 --data "$data/house" --output json > "$log" 2> "$data/parley.err" &
parley=$!
trap 'kill $parley 2>/dev/null; wait $parley 2>/dev/null; rm -rf "$data"' EXIT
for _ in $(seq 300); do
  PARLEY_URL=$(sed -n 's/.*"url": *"\([^"]*\)".*/\1/p' "$log" | head -1)
  [ -n "$PARLEY_URL" ] && break
  kill -0 $parley 2>/dev/null || { cat "$data/parley.err" >&2; exit 1; }
  sleep 0.1
done
[ -n "$PARLEY_URL" ] || { echo "parley dev printed no ready line" >&2; cat "$data/parley.err" >&2; exit 1; }
export PARLEY_URL
(cd clients/web && npm run e2e) || { tail -50 "$data/parley.err" >&2; exit 1; }
