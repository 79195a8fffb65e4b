#!/bin/bash
# Tor endpoints of a node on a private Tor network on loopback: tor-testnet/ makes the network, tor/ has the checks.
usage() { cat <<'U'
usage: tor.sh TRANSOM [PART ...]
  TRANSOM   the program, built with the feature embedded-tor, or else EMBEDDED=0
  PART      runs only these: services connecting keys authorized pipes exits restarts no_network tor_killed
Environment:
  PATIENCE=SECONDS  how long each wait may take (60)      LIMIT=SECONDS  how long all of it may take (600)
  VERBOSE=1         shows where a check was ended         KEEP=1         keeps the folders of nodes and network
It wants tor and tor-gencert (Debian's package tor) and openssl. Prints a line per check, indented ones with figures
that are not judged, and 'N passed, N failed' last.
U
exit 2; }
[ $# -ge 1 ] || usage
case $1 in -*) usage ;; esac
set -u
HERE=$(cd "$(dirname "$0")" && pwd)
TRANSOM=$(realpath "$1"); shift
CACHE=${SUITES_CACHE:-$HERE/../../target/suites-cache}; mkdir -p "$CACHE"; CACHE=$(cd "$CACHE" && pwd)
bail() { echo "FAIL $1"; echo "0 passed, 1 failed"; exit 1; }
[ -x "$TRANSOM" ] || bail "$TRANSOM is not there"
INSTALL_ONLY=python SUITES_CACHE=$CACHE "$HERE/wamp_clients.sh" realm1 ws://127.0.0.1/ws || bail "no Python clients"
NET=$(mktemp -d)
PURGE=--purge; [ -z "${KEEP:-}" ] || { PURGE=; echo "     the network is in $NET"; }
stop() { "$HERE/tor-testnet/tor-testnet" stop "$NET" $PURGE >/dev/null 2>&1; }
trap 'stop' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
"$HERE/tor-testnet/tor-testnet" start "$NET" >/dev/null || bail "no Tor network"
timeout -k 10 "${LIMIT:-600}" "$CACHE/wamp-py/bin/python" -W ignore "$HERE/tor/suite.py" "$TRANSOM" "$NET/env.json" "$@"
CODE=$?
stop
[ $CODE -le 2 ] || echo "0 passed, 1 failed"
exit $CODE
