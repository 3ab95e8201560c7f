#!/usr/bin/env bash
# Builds the page into dist/ from the versions that clients/package-lock.json pins. With --check it fails when dist/ was not fresh.
set -euo pipefail
cd "$(dirname "$0")"
npm ci --prefix .. --no-audit --no-fund
npm run --silent --prefix .. check
npm run --silent build
if [[ "${1:-}" == --check ]]; then
  if [[ -n "$(git status --porcelain -- dist)" ]]; then
    git --no-pager diff --stat -- dist
    echo "clients/web/dist is not what src builds: run clients/web/build.sh and commit dist" >&2
    exit 1
  fi
  echo "clients/web/dist is fresh"
fi
