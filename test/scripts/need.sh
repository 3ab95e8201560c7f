#!/usr/bin/env bash
# Says plainly what is missing, and installs it where this machine's package manager lets us.
set -euo pipefail

install() { # install PACKAGE...
  local sudo=""
  [ "$(id -u)" = 0 ] || sudo="sudo -n"
  if command -v apt-get >/dev/null; then
    echo "installing $* with apt-get"
    $sudo apt-get update -qq && DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "$@" >/dev/null
  elif command -v brew >/dev/null; then
    echo "installing $* with brew"
    brew install --quiet "$@"
  else
    echo "please install: $*" >&2
    return 1
  fi
}

for thing in "$@"; do
  case $thing in
    go) command -v go >/dev/null || { echo "Go 1.26 or newer is needed: please install it" >&2; exit 1; } ;;
    cc) command -v cc >/dev/null || command -v gcc >/dev/null || install gcc libc6-dev ;;
    chromium) command -v chromium >/dev/null || install chromium ;;
    kcat) command -v kcat >/dev/null || install kcat ;;
    *) echo "need.sh does not know $thing" >&2; exit 1 ;;
  esac
done
