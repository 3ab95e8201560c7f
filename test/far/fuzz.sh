#!/usr/bin/env bash
# Runs every fuzz test of the module for a while: fuzz.sh DURATION.
set -euo pipefail
cd "$(dirname "$0")/../.."
grep -rlE '^func Fuzz' --include='*_test.go' . | while read -r file; do
  for name in $(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$file"); do
    go test "$(dirname "$file")" -run '^$' -fuzz "^$name\$" -fuzztime "$1"
  done
done
