#!/bin/bash
# The same client before the reference router (Crossbar.io, PyPI) and before Transom; what differs has to be listed.
usage() { cat <<'U'
usage: differential.sh TRANSOM [SCENARIO ...]
  TRANSOM    the program, e.g. target/release/transom
  SCENARIO   runs these only, and prints what both sent; compares nothing
Starts both routers itself, on free ports of the loopback interface, with the same configuration. differential.json lists the
differences, each with its reason.
Environment:
  BLESS=1    writes the differences of the listed scenarios anew (not of others)
  VERBOSE=1  prints every scenario
Prints the failed scenarios with their difference ("-" the reference, "+" Transom), and 'N passed, N failed' last.
U
exit 2; }
case "${1:-}" in ''|-*) usage ;; esac
set -u
bail() { echo "FAIL $1"; echo "0 passed, 1 failed"; exit 1; }
HERE=$(cd "$(dirname "$0")" && pwd)
TRANSOM=$(realpath "$1"); shift
[ -x "$TRANSOM" ] || bail "$TRANSOM is not a program"
CACHE=${SUITES_CACHE:-$(cd "$HERE/../.." && pwd)/target/suites-cache}; mkdir -p "$CACHE"; CACHE=$(cd "$CACHE" && pwd)
E=$CACHE/crossbar-26.10.1          # mqtt.sh makes the same; websockets comes with it
[ -e "$E/.done" ] || { echo "installing crossbar" >&2; rm -rf "$E"; python3 -m venv "$E" &&
  "$E/bin/pip" install -q crossbar==26.10.1 texttable && touch "$E/.done"; } || bail "crossbar 26.10.1 cannot be installed"
"$E/bin/python" -c 'import websockets' 2>/dev/null || "$E/bin/pip" install -q websockets==15.0.1 || bail "no websockets"
DIR=$(mktemp -d)
NODES=()
finish() {
  local n
  for n in "${NODES[@]}"; do kill -TERM "$n" 2>/dev/null; done
  for n in "${NODES[@]}"; do wait "$n" 2>/dev/null; done
  rm -rf "$DIR"
}
trap finish EXIT
read -r P1 P2 < <(python3 -c '
import socket
s = [socket.socket() for _ in range(2)]
for x in s: x.bind(("127.0.0.1", 0))
print(*(x.getsockname()[1] for x in s))')
node() {  # node NAME PORT PROGRAM...: the node's directory, its configuration, and the node, found in NODES
  local d=$DIR/$1 port=$2; shift 2
  mkdir "$d"
  cat >"$d/config.json" <<J
{"version": 2, "workers": [{"type": "router",
  "realms": [{"name": "realm1", "roles": [{"name": "anonymous", "permissions": [
    {"uri": "", "match": "prefix", "cache": true,
     "allow": {"call": true, "register": true, "publish": true, "subscribe": true},
     "disclose": {"caller": true, "publisher": true}}]}]}],
  "transports": [{"type": "websocket", "url": "ws://127.0.0.1:$port/ws",
    "endpoint": {"type": "tcp", "interface": "127.0.0.1", "port": $port}}]}]}
J
  "$@" start --cbdir "$d" --config config.json >"$d/log" 2>&1 &
  NODES+=($!)
}
node reference "$P1" "$E/bin/crossbar"
node transom "$P2" "$TRANSOM"
CLIENT=("$E/bin/python" -W ignore "$HERE/clients/differential_python.py")
run() { timeout 400 "${CLIENT[@]}" "ws://127.0.0.1:$2/ws" realm1 "${@:3}" >"$DIR/$1.out" 2>"$DIR/$1.err"; }
run reference "$P1" "$@" & R=$!
run transom "$P2" "$@"; T_RC=$?
wait "$R"; R_RC=$?
[ $R_RC = 0 ] || { tail -5 "$DIR/reference.err" "$DIR/reference/log"; bail "the run before the reference ended with $R_RC"; }
[ $T_RC = 0 ] || { tail -5 "$DIR/transom.err" "$DIR/transom/log"; bail "the run before Transom ended with $T_RC"; }
if [ $# -gt 0 ]; then
  for n in reference transom; do
    echo "== $n"; "$E/bin/python" -c 'import json, sys
for o in map(json.loads, sys.stdin): print(o["scenario"], *o["lines"], sep="\n  ")' <"$DIR/$n.out"
  done
  exit
fi
python3 "$HERE/clients/differential_compare.py" "$HERE/differential.json" "$DIR/reference.out" "$DIR/transom.out"
