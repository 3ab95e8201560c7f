#!/usr/bin/env bash
# What is too heavy for every run of CI: each item is run, whatever became of the one before, and adds a row to RESULTS.md.
#
#   make test-far                        everything (hours)
#   make test-far ONLY=sim,licences      some of it
#
# An item belongs here when it needs more than a minute of CI's time and does not have to pass before every change lands.
# Run all of them before a release.
set -uo pipefail
cd "$(dirname "$0")/../.."

items=(
  "sim|make sim"
  "mutants|go test ./test/sim -run TestMutants -count=1"
  "campaign|make campaign"
  "broken-laws|make broken-laws"
  "kafka-faults|make kafka-faults"
  "stock|make stock"
  "bench-compare|make bench-compare"
  "fuzz|bash test/far/fuzz.sh 10m"
  "nilaway|make nilaway"
  "licences|make licences"
)

only=",${1:-},"
for name in ${1//,/ }; do
  printf '%s\n' "${items[@]}" | grep -q "^$name|" || { echo "test-far: no item $name" >&2; exit 2; }
done
revision=$(git rev-parse --short HEAD)$([ -z "$(git status --porcelain)" ] || echo " with changes")
results=test/far/RESULTS.md
logs=.cache/far
mkdir -p "$logs"
[ -f "$results" ] || printf '%s\n' "# Results of make test-far" "" "| date | revision | command | outcome | duration |" "|---|---|---|---|---|" > "$results"

passed=0 failed=0
for item in "${items[@]}"; do
  name=${item%%|*} command=${item#*|}
  [ "$only" = ",," ] || [[ $only == *",$name,"* ]] || continue
  echo "test-far: $name: $command (output in $logs/$name.log)"
  start=$SECONDS outcome=passed
  bash -c "$command" > "$logs/$name.log" 2>&1 < /dev/null || outcome=FAILED
  [ $outcome = passed ] && passed=$((passed + 1)) || { failed=$((failed + 1)); tail -20 "$logs/$name.log"; }
  echo "test-far: $name: $outcome after $((SECONDS - start)) s"
  echo "| $(date -u +%Y-%m-%d) | $revision | \`$command\` | $outcome | $((SECONDS - start)) s |" >> "$results"
done
echo "$passed passed, $failed failed"
[ $failed = 0 ]
