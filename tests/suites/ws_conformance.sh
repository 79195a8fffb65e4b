#!/bin/bash
# Autobahn|Testsuite (PyPI "autobahntestsuite", wstest -m fuzzingclient) against a WebSocket echo server.
usage() { cat <<'U'
usage: ws_conformance.sh URL [quick|limits|deflate|full] [extra exclude pattern ...]
  URL      ws://HOST:PORT/path of an echo endpoint (text and binary messages sent back unchanged)
  quick    all cases but 9.*, 12.*, 13.*           (default; 247 cases)
  limits   9.*  large messages and performance      (54 cases)
  deflate  12.* and 13.* permessage-deflate         (216 cases)
  full     everything                               (517 cases)
Environment: OUT=folder for reports (default: a new temporary folder), LIMIT=seconds (default 3600),
  SUBPROTOCOL is not sent: the endpoint must accept a handshake without one.
  INSTALL_ONLY=1 installs what it needs and runs nothing,
  STRICT=1 counts NON-STRICT results as failures; UNIMPL_OK=1 accepts UNIMPLEMENTED (no deflate).
Needs a Python 2.7 (PYTHON2=path, else python2.7 or pyenv's; exit code 3 without one); everything else comes from PyPI.
U
exit 2; }
case "${1:-}" in ws://*|wss://*) ;; *) usage ;; esac
set -u
URL=$1; SET=${2:-quick}; shift; [ $# -gt 0 ] && shift
CACHE=${SUITES_CACHE:-$(cd "$(dirname "$0")/../.." && pwd)/target/suites-cache}; mkdir -p "$CACHE"
OUT=${OUT:-$(mktemp -d)}; mkdir -p "$OUT"; OUT=$(cd "$OUT" && pwd)
. "$(dirname "$0")/wstest.sh"
[ -z "${INSTALL_ONLY:-}" ] || { echo "0 passed, 0 failed"; exit 0; }
wstest_cases "$SET" "$@" || usage
cat >"$OUT/spec.json" <<S
{"outdir": "$OUT/reports", "servers": [{"agent": "dut", "url": "$URL"}], "cases": $INC, "exclude-cases": [$EXC], "exclude-agent-cases": {}}
S
T0=$(date +%s)
(cd "$OUT" && timeout "${LIMIT:-3600}" "$ENVD/bin/wstest" -m fuzzingclient -s spec.json >run.log 2>&1)
RC=$?
WANT=$(sed -n 's/^Ok, will run \([0-9]*\) test cases.*/\1/p' "$OUT/run.log")
echo "wstest exit $RC after $(( $(date +%s) - T0 )) s, reports in $OUT/reports"
wstest_judge "${WANT:-0}"
