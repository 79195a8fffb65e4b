#!/bin/bash
# Autobahn|Testsuite (wstest -m fuzzingserver) as the server of a WebSocket client that sends back what it receives.
usage() { cat <<'U'
usage: ws_client_conformance.sh [quick|limits|deflate|full] CLIENT [ARG ...]
  The client is started with HOST:PORT as its last argument. It must run every case, that is, ask for /getCaseCount, for
  /runCase?case=N&agent=A with each N, and at last for /updateReports?agent=A, with one agent throughout.
  The sets are those of ws_conformance.sh.
Environment: OUT=folder for reports (default: a new temporary folder), LIMIT=seconds (default 3600), STRICT=1 and
  UNIMPL_OK=1 as there.
U
exit 2; }
[ $# -ge 2 ] || usage
set -u
SET=$1; shift
CACHE=${SUITES_CACHE:-$(cd "$(dirname "$0")/../.." && pwd)/target/suites-cache}; mkdir -p "$CACHE"
OUT=${OUT:-$(mktemp -d)}; mkdir -p "$OUT"; OUT=$(cd "$OUT" && pwd)
. "$(dirname "$0")/wstest.sh"
wstest_cases "$SET" || usage
PORT=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat >"$OUT/spec.json" <<S
{"url": "ws://127.0.0.1:$PORT", "outdir": "$OUT/reports", "webport": 0, "cases": $INC, "exclude-cases": [$EXC], "exclude-agent-cases": {}}
S
T0=$(date +%s)
(cd "$OUT" && exec "$ENVD/bin/wstest" -m fuzzingserver -s spec.json >run.log 2>&1) &
SERVER=$!
trap 'kill $SERVER 2>/dev/null' EXIT
python3 - "$PORT" $SERVER <<'P' || { tail -5 "$OUT/run.log"; echo "0 passed, 1 failed"; exit 1; }
import os, socket, sys, time
for _ in range(300):
    try:
        socket.create_connection(("127.0.0.1", int(sys.argv[1])), 1).close()
        sys.exit(0)
    except OSError:
        os.kill(int(sys.argv[2]), 0)
        time.sleep(0.1)
sys.exit(1)
P
timeout "${LIMIT:-3600}" "$@" "127.0.0.1:$PORT" >"$OUT/client.log" 2>&1
RC=$?
WANT=$(sed -n 's/^\([0-9]*\) cases$/\1/p' "$OUT/client.log")
echo "client exit $RC after $(( $(date +%s) - T0 )) s, reports in $OUT/reports"
wstest_judge "${WANT:-0}"
