#!/usr/bin/env bash
# Builds tools into .bin, at the versions that the module in a folder names: tool.sh MODULE_DIR PACKAGE...
set -euo pipefail
cd "$(dirname "$0")/../.."
mkdir -p .bin
bin=$PWD/.bin module=$1
shift
for package in "$@"; do
  binary=$bin/$(basename "$package")
  [ -x "$binary" ] && [ "$binary" -nt "$module/go.mod" ] || { echo "building $(basename "$package") ..." && (cd "$module" && go build -o "$bin/" "$package"); }
done
