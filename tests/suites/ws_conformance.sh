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
  STRICT=1 counts NON-STRICT results as failures; UNIMPL_OK=1 accepts UNIMPLEMENTED (no deflate).
Needs a Python 2.7 (PYTHON2=path, else python2.7 or pyenv's); everything else comes from PyPI.
U
exit 2; }
case "${1:-}" in ws://*|wss://*) ;; *) usage ;; esac
set -u
URL=$1; SET=${2:-quick}; shift; [ $# -gt 0 ] && shift
CACHE=${SUITES_CACHE:-$(cd "$(dirname "$0")/../.." && pwd)/target/suites-cache}; mkdir -p "$CACHE"
OUT=${OUT:-$(mktemp -d)}; mkdir -p "$OUT"; OUT=$(cd "$OUT" && pwd)
ENVD=$CACHE/wstest-25.10.1
if [ ! -x "$ENVD/bin/wstest" ]; then
  P2=${PYTHON2:-}
  if [ -z "$P2" ]; then
    for c in "$(command -v pyenv >/dev/null 2>&1 && ls -d "$(pyenv root)"/versions/2.7.*/bin/python2.7 2>/dev/null | tail -1)" "$(command -v python2.7)"; do
      [ -n "$c" ] && "$c" -c 'import ssl,zlib' 2>/dev/null && { P2=$c; break; }
    done
  fi
  [ -n "$P2" ] || { echo "no Python 2.7 found: use ws_conformance_py3.sh"; echo "0 passed, 1 failed"; exit 1; }
  T=$(mktemp -d)
  { "$P2" -m pip install -q --target "$T" 'virtualenv<20.22' &&
    PYTHONPATH=$T "$P2" -m virtualenv -q "$ENVD" &&
    "$ENVD/bin/pip" install -q autobahntestsuite==25.10.1; } >"$OUT/install.log" 2>&1 || { tail -20 "$OUT/install.log"; echo "0 passed, 1 failed"; exit 1; }
  rm -rf "$T"
fi
case $SET in
  quick) INC='["*"]'; EXC='"9.*","12.*","13.*"' ;;
  limits) INC='["9.*"]'; EXC= ;;
  deflate) INC='["12.*","13.*"]'; EXC= ;;
  full) INC='["*"]'; EXC= ;;
  *) usage ;;
esac
for x in "$@"; do EXC="${EXC:+$EXC,}\"$x\""; done
cat >"$OUT/spec.json" <<S
{"outdir": "$OUT/reports", "servers": [{"agent": "dut", "url": "$URL"}], "cases": $INC, "exclude-cases": [$EXC], "exclude-agent-cases": {}}
S
T0=$(date +%s)
(cd "$OUT" && timeout "${LIMIT:-3600}" "$ENVD/bin/wstest" -m fuzzingclient -s spec.json >run.log 2>&1)
RC=$?
WANT=$(sed -n 's/^Ok, will run \([0-9]*\) test cases.*/\1/p' "$OUT/run.log")
echo "wstest exit $RC after $(( $(date +%s) - T0 )) s, reports in $OUT/reports"
python3 - "$OUT/reports/index.json" "${WANT:-0}" <<'P'
import json, os, sys
path, want = sys.argv[1], int(sys.argv[2])
good = {"OK", "INFORMATIONAL"} | (set() if os.environ.get("STRICT") else {"NON-STRICT"})
if os.environ.get("UNIMPL_OK"):
    good.add("UNIMPLEMENTED")
try:
    cases = next(iter(json.load(open(path)).values()))
except Exception as e:
    print("no report: %s (did every handshake fail?)" % e)
    cases = {}
ok = bad = 0
tally = {}
for k, v in sorted(cases.items(), key=lambda i: [int(x) for x in i[0].split(".")]):
    tally[v["behavior"]] = tally.get(v["behavior"], 0) + 1
    if v["behavior"] in good and v["behaviorClose"] in good:
        ok += 1
    else:
        bad += 1
        print("FAIL %s behavior=%s close=%s code=%s" % (k, v["behavior"], v["behaviorClose"], v.get("remoteCloseCode")))
missing = max(want - ok - bad, 0)
if missing:
    print("FAIL %d cases have no result" % missing)
print("  ".join("%s %d" % i for i in sorted(tally.items())))
bad += missing or (0 if ok or bad else 1)
print("%d passed, %d failed" % (ok, bad))
sys.exit(1 if bad else 0)
P
