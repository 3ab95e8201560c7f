#!/usr/bin/env bash
# Compares the dictionary with the one of main (and of the commit before, on main itself): what stands in a log stays readable.
set -euo pipefail
cd "$(dirname "$0")/../.."
for ref in main HEAD~1; do
  git rev-parse --verify --quiet "$ref:schemas/buf.yaml" >/dev/null || continue
  before=$(mktemp -d)
  git archive "$ref" schemas | tar -x -C "$before"
  (cd schemas && ../.bin/buf breaking --against "$before/schemas")
  rm -rf "$before"
  echo "the dictionary breaks nothing of $ref"
done
