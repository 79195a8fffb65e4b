#!/bin/bash
# The same Autobahn|Testsuite cases run by kosoku (PyPI, Python 3): no Python 2 needed.
usage() { cat <<'U'
usage: ws_conformance_py3.sh HOST:PORT [quick|limits|deflate|full]
  The endpoint must echo at the path '/' (kosoku takes host:port only).
  quick: all but 9.*, 12.*, 13.* (247 cases)   limits: 9.*   deflate: 12.* and 13.*   full: all 517
Environment: OUT=report folder, LIMIT=seconds (default 1800), JOBS=cases in parallel (default 1).
U
exit 2; }
case "${1:-}" in ''|-*) usage ;; esac
set -u
DUT=$1; SET=${2:-quick}
CACHE=${SUITES_CACHE:-$(cd "$(dirname "$0")/../.." && pwd)/target/suites-cache}; mkdir -p "$CACHE"
OUT=${OUT:-$(mktemp -d)}; mkdir -p "$OUT"
E=$CACHE/kosoku-0.1.0
[ -x "$E/bin/kosoku" ] || { python3 -m venv "$E" && "$E/bin/pip" install -q kosoku==0.1.0; } || { echo "0 passed, 1 failed"; exit 1; }
case $SET in
  quick) A=(-x '9.*' -x '12.*' -x '13.*') ;; limits) A=(-i '9.*') ;;
  deflate) A=(-i '12.*' -i '13.*') ;; full) A=() ;; *) usage ;;
esac
timeout "${LIMIT:-1800}" "$E/bin/kosoku" -p "${JOBS:-1}" "${A[@]}" -o "$OUT/reports" "$DUT" >"$OUT/run.log" 2>&1
RC=$?
tail -3 "$OUT/run.log"
python3 - "$OUT/reports/index.json" "$RC" <<'P'
import json, os, sys
good = {"OK", "INFORMATIONAL"} | (set() if os.environ.get("STRICT") else {"NON-STRICT"})
try:
    cases = next(iter(json.load(open(sys.argv[1])).values()))
except Exception as e:
    print("no report: %s" % e); cases = {}
bad = 0
for k, v in cases.items():
    if v["behavior"] not in good or v["behaviorClose"] not in good:
        bad += 1
        print("FAIL %s behavior=%s close=%s" % (k, v["behavior"], v["behaviorClose"]))
if not cases or sys.argv[2] == "124":
    bad += 1
print("%d passed, %d failed" % (len(cases) - bad if cases else 0, bad))
sys.exit(1 if bad else 0)
P
