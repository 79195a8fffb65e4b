# Autobahn|Testsuite itself (PyPI "autobahntestsuite", Python 2.7), for the scripts beside this one. It is sourced, with CACHE
# and OUT set. Exit code 3: there is no Python 2.7.
ENVD=$CACHE/wstest-25.10.1
if [ ! -x "$ENVD/bin/wstest" ]; then
  P2=${PYTHON2:-}
  if [ -z "$P2" ]; then
    for c in "$(command -v pyenv >/dev/null 2>&1 && ls -d "$(pyenv root)"/versions/2.7.*/bin/python2.7 2>/dev/null | tail -1)" "$(command -v python2.7)"; do
      [ -n "$c" ] && "$c" -c 'import ssl,zlib' 2>/dev/null && { P2=$c; break; }
    done
  fi
  [ -n "$P2" ] || { echo "no Python 2.7 found: use ws_conformance_py3.sh"; echo "0 passed, 1 failed"; exit 3; }
  T=$(mktemp -d)
  { "$P2" -m pip install -q --target "$T" 'virtualenv<20.22' &&
    PYTHONPATH=$T "$P2" -m virtualenv -q "$ENVD" &&
    "$ENVD/bin/pip" install -q autobahntestsuite==25.10.1; } >"$OUT/install.log" 2>&1 || { tail -20 "$OUT/install.log"; echo "0 passed, 1 failed"; exit 1; }
  rm -rf "$T"
fi

# wstest_cases SET [EXCLUDE ...]: INC and EXC, as the suite's specification has them.
wstest_cases() {
  case $1 in
    quick) INC='["*"]'; EXC='"9.*","12.*","13.*"' ;;
    limits) INC='["9.*"]'; EXC= ;;
    deflate) INC='["12.*","13.*"]'; EXC= ;;
    full) INC='["*"]'; EXC= ;;
    *) return 1 ;;
  esac
  shift
  for x in "$@"; do EXC="${EXC:+$EXC,}\"$x\""; done
}

# wstest_judge WANTED: counts the cases in $OUT/reports, of which there must be so many.
wstest_judge() {
python3 - "$OUT/reports/index.json" "$1" <<'P'
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
}
