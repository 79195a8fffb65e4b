#!/bin/bash
# Drive a WAMP router with client libraries from the registries (Python, JavaScript, Rust).
usage() { cat <<'U'
usage: wamp_clients.sh REALM WS_URL [RS_ENDPOINT] [METHOD=AUTHID:SECRET ...]
  WS_URL         ws:// or wss://, e.g. ws://127.0.0.1:8080/ws
  RS_ENDPOINT    a RawSocket endpoint (optional): HOST:PORT, or unix:/PATH
  METHOD         ticket, wampcra, scram, cryptosign (private key as 64 hex digits); tried in the full profile where
                 the client has it
Environment:
  PROFILE=basic|full   default full. basic: sessions, publish, subscribe, register, call, errors, GOODBYE; nothing of
                       the advanced profile but exclude_me. README.md names the checks of each.
  RS="ENDPOINT ..."    more RawSocket endpoints, as RS_ENDPOINT; a client that has no Unix sockets skips unix:/PATH
  CAFILE=PEM_FILE      the authorities that clients trust for wss:// (default: those of the system); swampyer skips wss://,
                       wamp_async does not verify
  INSTALL_ONLY=1       installs the clients and ends; =python only those in Python
  ONLY="autobahn_python autobahn_twisted autobahn_js wampy_js xconn swampyer wamp_async"   picks clients
  SERIALIZERS="json msgpack cbor"   picks serializers        VERBOSE=1   prints every check
The realm must let an anonymous session call, register, publish and subscribe under com.example.; for the full profile
also call and subscribe under wamp., with disclose.caller on.
Prints a line per client, transport and serializer, the failed checks under it, and 'N passed, N failed' last.
U
exit 2; }
[ $# -ge 2 ] || usage
case $1 in -*) usage ;; esac
set -u
HERE=$(cd "$(dirname "$0")" && pwd)
REALM=$1 WS=$2; shift 2
RS=${RS:-}
case "${1:-}" in unix:*) RS="$1 $RS"; shift ;; *=*|'') ;; *) RS="$1 $RS"; shift ;; esac
AUTH=("$@")
PASS=0 FAIL=0
bail() { echo "FAIL $1"; echo "0 passed, 1 failed"; exit 1; }
export PROFILE=${PROFILE:-full}
case $PROFILE in basic|full) ;; *) bail "PROFILE must be basic or full" ;; esac
if [ -n "${CAFILE:-}" ]; then
  [ -r "$CAFILE" ] || bail "CAFILE $CAFILE is not readable"
  CAFILE=$(realpath "$CAFILE"); export CAFILE NODE_EXTRA_CA_CERTS=$CAFILE
fi
ONLY=${ONLY:-autobahn_python autobahn_twisted autobahn_js wampy_js xconn swampyer wamp_async}
SERIALIZERS=${SERIALIZERS:-json msgpack cbor}
CACHE=${SUITES_CACHE:-$(cd "$(dirname "$0")/../.." && pwd)/target/suites-cache}; mkdir -p "$CACHE"; CACHE=$(cd "$CACHE" && pwd)
LOG=$(mktemp)
inst() { echo "installing $1" >&2; }
need_py() {
  P=$CACHE/wamp-py/bin/python
  [ -e "$CACHE/wamp-py/.done" ] || { inst python; rm -rf "$CACHE/wamp-py"; python3 -m venv "$CACHE/wamp-py" &&
    "$P" -m pip install -q -c "$HERE/clients/python-constraints.txt" 'autobahn[all]' numpy xconn wampproto swampyer &&
    touch "$CACHE/wamp-py/.done"; }
}
need_js() {
  [ -e "$CACHE/wamp-js/.done" ] || { inst npm; mkdir -p "$CACHE/wamp-js" && cp "$HERE"/clients/npm/package*.json "$CACHE/wamp-js/" &&
    (cd "$CACHE/wamp-js" && npm install --loglevel=error --no-audit --no-fund >/dev/null && touch .done); }     # not "npm ci": it insists on native parts that not every registry has
}
need_rs() {
  R=$CACHE/wamp-rs/debug/rust_wamp_async
  CARGO_TARGET_DIR=$CACHE/wamp-rs cargo build -q --locked --manifest-path "$HERE/clients/rust_wamp_async/Cargo.toml"
}
case ${INSTALL_ONLY:-} in '') ;; python) need_py; exit ;; *) need_py && need_js && need_rs; exit ;; esac
go() {  # [TRIES=N] go LABEL COMMAND...
  local label=$1; shift
  local line p f try
  for ((try = 1; ; try++)); do
    timeout 150 "$@" >"$LOG" 2>&1
    line=$(grep -aE '^[0-9]+ passed, [0-9]+ failed' "$LOG" | tail -1)
    [ -n "$line" ] || line="0 passed, 1 failed"
    p=${line%% passed*}; f=${line#*, }; f=${f%% failed*}
    [ "$f" != 0 ] && [ $try -lt "${TRIES:-1}" ] || break
    echo "$label once more: $line"
  done
  PASS=$((PASS + p)) FAIL=$((FAIL + f))
  printf '%-34s %s\n' "$label" "$line"
  if [ -n "${VERBOSE:-}" ]; then cat "$LOG"; elif [ "$f" != 0 ]; then grep -aE '^FAIL' "$LOG" || tail -5 "$LOG"; fi
}
# rs CLIENT URL_SCHEME UNIX_PREFIX SERIALIZER COMMAND...: the command with each RawSocket endpoint in place of URL
rs() {
  local c=$1 tcp=$2 unix=$3 s=$4 e label a args; shift 4
  for e in $RS; do
    case $e in
      unix:*) [ "$unix" != - ] || continue
        e=${e#unix:}; while [ "${e#//}" != "$e" ]; do e=${e#/}; done
        e=$unix$(realpath -ms "$e"); label="$c unix $s" ;;
      *) e=$tcp$e; label="$c rawsocket $s" ;;
    esac
    args=(); for a in "$@"; do [ "$a" = URL ] && a=$e; args+=("$a"); done
    go "$label" "${args[@]}"
  done
}
for c in $ONLY; do
  case $c in
    autobahn_python|autobahn_twisted|xconn|swampyer) need_py || { echo "FAIL install $c"; FAIL=$((FAIL + 1)); continue; } ;;
    autobahn_js|wampy_js) need_js || { echo "FAIL install $c"; FAIL=$((FAIL + 1)); continue; } ;;
    wamp_async) need_rs || { echo "FAIL install $c"; FAIL=$((FAIL + 1)); continue; } ;;
    *) echo "FAIL no client $c"; FAIL=$((FAIL + 1)); continue ;;
  esac
  for s in $SERIALIZERS; do
    case $c in
      autobahn_python|autobahn_twisted) l=asyncio; [ $c = autobahn_python ] || l=twisted
        ab=("$P" -W ignore "$HERE/clients/autobahn_python.py")
        go "$c ws $s" "${ab[@]}" "$WS" "$REALM" $s loop=$l "${AUTH[@]}"
        rs $c rs:// unix: $s "${ab[@]}" URL "$REALM" $s loop=$l ;;
      # It reads and writes one TLS connection on two threads, which OpenSSL does not stand: some connections stall.
      xconn) t=1; case $WS in wss:*) t=3 ;; esac
        TRIES=$t go "$c ws $s" "$P" "$HERE/clients/xconn_python.py" "$WS" "$REALM" $s "${AUTH[@]}"
        rs $c rs:// unix: $s "$P" "$HERE/clients/xconn_python.py" URL "$REALM" $s ;;
      swampyer) case $WS in wss:*) ;; *) go "$c ws $s" "$P" "$HERE/clients/swampyer_python.py" "$WS" "$REALM" $s "${AUTH[@]}" ;; esac     # its wss:// loses its place in the stream
        rs $c tcpip:// unix:// $s "$P" "$HERE/clients/swampyer_python.py" URL "$REALM" $s ;;
      autobahn_js) js=(env -C "$CACHE/wamp-js" node "$HERE/clients/autobahn_js.mjs")
        go "$c ws $s" "${js[@]}" "$WS" "$REALM" $s "${AUTH[@]}"
        [ $s != json ] || rs $c rs:// unix: $s "${js[@]}" URL "$REALM" $s ;;     # on RawSocket this client has JSON only
      wampy_js) [ $s = json ] || continue     # its msgpack and cbor send 'undefined' and float ids, which a strict router refuses
        go "$c ws $s" env -C "$CACHE/wamp-js" node "$HERE/clients/wampy_js.mjs" "$WS" "$REALM" $s "${AUTH[@]}" ;;
      wamp_async) [ $s != cbor ] || continue
        go "$c ws $s" "$R" "$WS" "$REALM" $s "${AUTH[@]}"
        rs $c tcp:// - $s "$R" URL "$REALM" $s ;;
    esac
  done
done
rm -f "$LOG"
echo "$PASS passed, $FAIL failed"
[ $FAIL = 0 ] && [ $PASS -gt 0 ]
