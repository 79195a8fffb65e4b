#!/bin/bash
# Scan a TLS endpoint with sslyze (PyPI) and probe it with openssl s_client.
usage() { cat <<'U'
usage: tls_scan.sh HOST:PORT [--cert-name NAME]
Wants: only TLS 1.2 and 1.3; no SSL 2/3, TLS 1.0/1.1; only AEAD + forward-secret TLS 1.2 suites; no RSA key
transport; not vulnerable to Heartbleed, CCS, ROBOT, CRIME, client renegotiation; no TLS 1.3 early data;
the handshake fails for an unknown protocol version; a truncated or garbage first record closes the
connection; session resumption is reported, not judged.
Environment: TESTSSL=1 also runs testssl.sh (Debian package testssl.sh) and fails on a finding of HIGH or worse
  other than the certificate's own trust.
U
exit 2; }
case "${1:-}" in *:*) ;; *) usage ;; esac
set -u
HP=$1; NAME=localhost; [ "${2:-}" = --cert-name ] && NAME=$3
HOST=${HP%:*} PORT=${HP##*:}
CACHE=${SUITES_CACHE:-$(cd "$(dirname "$0")/../.." && pwd)/target/suites-cache}; mkdir -p "$CACHE"
E=$CACHE/sslyze-6.3.1
[ -x "$E/bin/sslyze" ] || { python3 -m venv "$E" && "$E/bin/pip" install -q sslyze==6.3.1; } || { echo "0 passed, 1 failed"; exit 1; }
J=$(mktemp)
"$E/bin/sslyze" --quiet --json_out="$J" --certinfo --sslv2 --sslv3 --tlsv1 --tlsv1_1 --tlsv1_2 --tlsv1_3 --heartbleed \
  --openssl_ccs --fallback --robot --reneg --compression --resum --early_data --elliptic_curves "$HP" >/dev/null 2>&1
TS=
if [ -n "${TESTSSL:-}" ]; then
  TS=$(mktemp -u).json
  testssl --quiet --color 0 --warnings batch --severity HIGH --jsonfile "$TS" "$HP" >/dev/null 2>&1
fi
python3 - "$J" "$HOST" "$PORT" "$NAME" "$TS" <<'P'
import json, os, socket, ssl, subprocess, sys
path, host, port, name, ts = sys.argv[1:6]
ok = bad = 0
def crashed(*exc):      # the last line is the count whatever happens
    sys.__excepthook__(*exc)
    sys.stderr.flush()
    print("FAIL", exc[0].__name__, exc[1])
    print("%d passed, %d failed" % (ok, bad + 1), flush=True)
sys.excepthook = crashed
def check(what, cond, detail=""):
    global ok, bad
    if cond:
        ok += 1
    else:
        bad += 1
    print("ok  " if cond else "FAIL", what, "" if cond else detail)
try:
    r = json.load(open(path))["server_scan_results"][0]["scan_result"]
except Exception as e:
    r = None
    check("sslyze scan", False, repr(e))
if r:
    def res(k):
        return (r[k] or {}).get("result") or {}
    acc = {v: [c["cipher_suite"]["name"] for c in res(v).get("accepted_cipher_suites", [])] for v in
           ("ssl_2_0_cipher_suites", "ssl_3_0_cipher_suites", "tls_1_0_cipher_suites", "tls_1_1_cipher_suites", "tls_1_2_cipher_suites", "tls_1_3_cipher_suites")}
    for v in ("ssl_2_0", "ssl_3_0", "tls_1_0", "tls_1_1"):
        check("no " + v, not acc[v + "_cipher_suites"], repr(acc[v + "_cipher_suites"]))
    check("tls 1.3 offered", bool(acc["tls_1_3_cipher_suites"]))
    check("tls 1.2 suites are ECDHE or DHE with AEAD", all(("_ECDHE_" in c or "_DHE_" in c) and ("GCM" in c or "CHACHA20" in c or "CCM" in c) for c in acc["tls_1_2_cipher_suites"]), repr(acc["tls_1_2_cipher_suites"]))
    check("no heartbleed", res("heartbleed").get("is_vulnerable_to_heartbleed") is False)
    check("no ccs injection", res("openssl_ccs_injection").get("is_vulnerable_to_ccs_injection") is False)
    check("no robot", str(res("robot").get("robot_result", "")).startswith("NOT_VULNERABLE"), str(res("robot")))
    check("no compression", res("tls_compression").get("supports_compression") is False)
    check("no client renegotiation", res("session_renegotiation").get("is_vulnerable_to_client_renegotiation_dos") is False)
    check("no early data", res("tls_1_3_early_data").get("supports_early_data") is False)
    weak = [c["name"] for c in res("elliptic_curves").get("supported_curves") or [] if c["name"] not in ("X25519", "X448", "prime256v1", "secp256r1", "secp384r1", "secp521r1")]
    check("no weak curves", not weak, repr(weak))
    print("note tls 1.2", acc["tls_1_2_cipher_suites"], "tls 1.3", acc["tls_1_3_cipher_suites"])
def s_client(*a):
    return subprocess.run(["openssl", "s_client", "-connect", "%s:%s" % (host, port), "-servername", name, *a], input=b"", capture_output=True, timeout=15)
for v, want in (("-tls1_2", True), ("-tls1_3", True), ("-tls1_1", False)):
    try:
        p = s_client(v, "-cipher", "DEFAULT@SECLEVEL=0")
        done = b"Cipher is (NONE)" not in p.stdout and b"New, (NONE)" not in p.stdout
        check("openssl s_client " + v, done == want, p.stderr.decode()[-150:])
    except (subprocess.TimeoutExpired, OSError) as e:
        check("openssl s_client " + v, False, repr(e))
def raw(what, data, wait=12):
    try:
        s = socket.create_connection((host, int(port)), 5)
    except OSError as e:
        check("closed after " + what, False, repr(e))
        return
    s.settimeout(wait)
    try:
        s.sendall(data)
        s.shutdown(socket.SHUT_WR) if not data else None
        got = b""
        while True:
            x = s.recv(4096)
            if not x:
                break
            got += x
        check("closed after " + what, True)
    except socket.timeout:
        check("closed after " + what, False, "still open after %d s" % wait)
    except OSError:
        check("closed after " + what, True)
    s.close()
raw("clear-text HTTP", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
raw("a garbage record", b"\x16\x03\x01\xff\xff" + b"\x00" * 300)
raw("an immediate FIN", b"")
try:    # the server still serves after the above
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT); c.check_hostname = False; c.verify_mode = ssl.CERT_NONE
    with c.wrap_socket(socket.create_connection((host, int(port)), 5), server_hostname=name) as s:
        check("still serves", s.version() in ("TLSv1.2", "TLSv1.3"))
except Exception as e:
    check("still serves", False, repr(e))
if ts:
    try:
        f = json.load(open(ts))
        f = f if isinstance(f, list) else f.get("scanResult", [])
        f = [x for x in f if x.get("severity") in ("HIGH", "CRITICAL") and not x["id"].startswith(("cert_", "overall_grade", "grade"))]
        check("testssl.sh: nothing HIGH or worse", not f, repr([(x["id"], x["finding"]) for x in f]))
    except Exception as e:
        check("testssl.sh", False, repr(e))
print("%d passed, %d failed" % (ok, bad))
sys.exit(1 if bad or not ok else 0)
P
RC=$?
rm -f "$J" ${TS:+"$TS"}
exit $RC
