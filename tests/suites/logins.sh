#!/bin/bash
# Log in to a WAMP router with client libraries from the registries by every method, against accounts of its configuration
# and against authenticators.
usage() { cat <<'U'
usage: logins.sh REALM STATIC_WS_URL DYNAMIC_WS_URL INSIDE_WS_URL METHOD=AUTHID:SECRET ...
  STATIC_WS_URL   knows the accounts
  DYNAMIC_WS_URL  asks com.example.login.METHOD
  INSIDE_WS_URL   lets a session without a name register these procedures
  METHOD          ticket, wampcra, scram, cryptosign (private key as 64 hex digits)
Environment:
  ACCOUNTS        what the authenticators know: {METHOD: {AUTHID: answer}} as JSON; "*" stands for any AUTHID
  VERBOSE=1       prints every check
Prints a line per client and kind, the failed checks under it, and 'N passed, N failed' last.
U
exit 2; }
[ $# -ge 5 ] || usage
set -u
HERE=$(cd "$(dirname "$0")" && pwd)
REALM=$1 STATIC=$2 DYNAMIC=$3 INSIDE=$4; shift 4
CACHE=${SUITES_CACHE:-$(cd "$HERE/../.." && pwd)/target/suites-cache}; mkdir -p "$CACHE"; CACHE=$(cd "$CACHE" && pwd)
INSTALL_ONLY=1 SUITES_CACHE=$CACHE "$HERE/wamp_clients.sh" "$REALM" "$STATIC" || { echo "0 passed, 1 failed"; exit 1; }
PY=("$CACHE/wamp-py/bin/python" -W ignore "$HERE/clients/logins_python.py")
JS=(env -C "$CACHE/wamp-js" node "$HERE/clients/logins_js.mjs")
NOT_JS=()     # this client has no scram
for login in "$@"; do case $login in scram=*) ;; *) NOT_JS+=("$login") ;; esac; done
PASS=0 FAIL=0
LOG=$(mktemp)
go() {  # go LABEL COMMAND...
  local label=$1 line p f; shift
  timeout 150 "$@" >"$LOG" 2>&1
  line=$(grep -aE '^[0-9]+ passed, [0-9]+ failed' "$LOG" | tail -1)
  [ -n "$line" ] || line="0 passed, 1 failed"
  p=${line%% passed*}; f=${line#*, }; f=${f%% failed*}
  PASS=$((PASS + p)) FAIL=$((FAIL + f))
  printf '%-34s %s\n' "$label" "$line"
  if [ -n "${VERBOSE:-}" ]; then cat "$LOG"; elif [ "$f" != 0 ]; then grep -aE '^FAIL' "$LOG" || tail -5 "$LOG"; fi
}
kind() {  # kind PROVIDER URL LOGIN...
  local provider=$1 url=$2 l; shift 2
  for l in asyncio twisted; do
    go "autobahn_python $l $provider" "${PY[@]}" "$url" "$REALM" loop=$l provider="$provider" anonymous=: "$@"
  done
  go "autobahn_js $provider" "${JS[@]}" "$url" "$REALM" provider="$provider" anonymous=: "${NOT_JS[@]}"
}
kind static "$STATIC" "$@"
# The authenticators answer until their input ends.
coproc SERVE { exec "${PY[@]}" "$INSIDE" "$REALM" serve 2>&1; }
SERVE_ID=$SERVE_PID
while read -r -t 30 line <&"${SERVE[0]}"; do [ "$line" != ready ] || break; done
if [ "${line:-}" = ready ]; then kind dynamic "$DYNAMIC" "$@"; else echo "FAIL authenticators: ${line:-nothing}"; FAIL=$((FAIL + 1)); fi
kill "$SERVE_ID" 2>/dev/null
wait "$SERVE_ID" 2>/dev/null
rm -f "$LOG"
echo "$PASS passed, $FAIL failed"
[ $FAIL = 0 ] && [ $PASS -gt 0 ]
