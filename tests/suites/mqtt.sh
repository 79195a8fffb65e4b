#!/bin/bash
# MQTT 3.1.1 against HOST:PORT: the interop tests shipped in PyPI "crossbar", and mosquitto_pub/_sub (Debian).
usage() { echo "usage: mqtt.sh HOST:PORT
Environment: KNOWN=\"test_x test_y\" names interop tests that may fail (the reference router grants QoS 0 where 2 was
  asked, so test_self_subscribe, test_qos1_send_wrong_confirm and test_qos2_send_wrong_confirm fail against it)."; exit 2; }
case "${1:-}" in *:*) ;; *) usage ;; esac
set -u
HERE=$(cd "$(dirname "$0")" && pwd); HOST=${1%:*} PORT=${1##*:}
CACHE=${SUITES_CACHE:-$(cd "$(dirname "$0")/../.." && pwd)/target/suites-cache}; mkdir -p "$CACHE"
E=$CACHE/crossbar-26.10.1
[ -e "$E/.done" ] || { python3 -m venv "$E" && "$E/bin/pip" install -q crossbar==26.10.1 texttable && touch "$E/.done"; } || { echo "0 passed, 1 failed"; exit 1; }
command -v mosquitto_pub >/dev/null || { apt-get update -qq && apt-get install -y -qq --no-install-recommends mosquitto-clients; } >/dev/null 2>&1
PASS=0 FAIL=0
while read -r line; do
  case $line in
    "ok "*) PASS=$((PASS + 1)); echo "$line" ;;
    "FAIL "*) t=${line#FAIL }; t=${t%% *}
      case " ${KNOWN:-} " in *" $t "*) echo "known $line" ;; *) FAIL=$((FAIL + 1)); echo "$line" ;; esac ;;
  esac
done < <("$E/bin/python" -W ignore "$HERE/clients/mqtt_interop.py" "$HOST" "$PORT" 2>&1)
[ $((PASS + FAIL)) -gt 0 ] || { FAIL=1; echo "FAIL interop tests did not run"; }
for q in 0 1; do
  T=com/example/mosq$$/q$q; O=$(mktemp)
  timeout 10 mosquitto_sub -h "$HOST" -p "$PORT" -V mqttv311 -t "$T" -C 1 -q $q >"$O" 2>&1 & S=$!
  sleep 1
  if timeout 5 mosquitto_pub -h "$HOST" -p "$PORT" -V mqttv311 -t "$T" -q $q -m '{"args":[1]}' && wait $S && grep -q args "$O"; then
    PASS=$((PASS + 1)); echo "ok   mosquitto qos $q"
  else
    FAIL=$((FAIL + 1)); echo "FAIL mosquitto qos $q $(cat "$O")"
  fi
  rm -f "$O"
done
echo "$PASS passed, $FAIL failed"
[ $FAIL = 0 ]
