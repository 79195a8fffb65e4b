#!/bin/bash
# The Python library "websockets" (PyPI) as the peer of a WebSocket echo server: with and without compression, in one
# frame and in many.
usage() { cat <<'U'
usage: ws_peer.sh URL
  URL  ws://HOST:PORT/path or wss://HOST:PORT/path of an echo endpoint that agrees to permessage-deflate
       (the certificate is not verified)
U
exit 2; }
case "${1:-}" in ws://*|wss://*) ;; *) usage ;; esac
set -u
CACHE=${SUITES_CACHE:-$(cd "$(dirname "$0")/../.." && pwd)/target/suites-cache}; mkdir -p "$CACHE"
E=$CACHE/websockets-15.0.1
[ -x "$E/bin/python" ] && "$E/bin/python" -c 'import websockets' 2>/dev/null ||
  { python3 -m venv "$E" && "$E/bin/pip" install -q websockets==15.0.1; } || { echo "0 passed, 1 failed"; exit 1; }
exec "$E/bin/python" "$(dirname "$0")/clients/ws_peer_python.py" "$1"
