// Log in to a WAMP router with autobahn-js (npm "autobahn") by every method it has.
// usage: node logins_js.mjs URL REALM [provider=static|dynamic] METHOD=AUTHID:SECRET ...
// METHOD: anonymous, ticket, wampcra, cryptosign (SECRET is the private key as 64 hex digits); may be repeated. Each is
// tried with its secret, with a wrong one, and as somebody whom the router does not know.
// Prints 'N passed, N failed' last; exit 1 if any failed.
import { createRequire } from 'node:module'
const require = createRequire(process.cwd() + '/')
if (typeof globalThis.WebSocket === 'undefined') globalThis.WebSocket = require('ws').WebSocket
const autobahn = require('autobahn')
const nacl = require('tweetnacl')
const [, , url, realm, ...rest] = process.argv
const given = rest.map(x => [x.slice(0, x.indexOf('=')), x.slice(x.indexOf('=') + 1)])
const provider = Object.fromEntries(given).provider || 'static'
const name = `autobahn-js/${provider} logins`
let ok = 0; let bad = 0
const check = (w, c, d = '') => { c ? ok++ : bad++; console.log(c ? 'ok  ' : 'FAIL', name, w, c ? '' : d) }

function settings (method, authid, secret) {
  if (method === 'anonymous') return {}
  const o = { authid, authmethods: [method], authextra: {} }
  if (method === 'ticket') o.onchallenge = () => secret
  if (method === 'wampcra') o.onchallenge = (s, m, e) => autobahn.auth_cra.sign(e.salt ? autobahn.auth_cra.derive_key(secret, e.salt, e.iterations, e.keylen) : secret, e.challenge)
  if (method === 'cryptosign') {
    const pair = nacl.sign.keyPair.fromSeed(Buffer.from(secret, 'hex'))
    o.authextra = { pubkey: Buffer.from(pair.publicKey).toString('hex'), channel_binding: null }
    o.onchallenge = (s, m, e) => Buffer.from(nacl.sign.detached(new Uint8Array(Buffer.from(e.challenge, 'hex')), pair.secretKey)).toString('hex') + e.challenge
  }
  return o
}
function join (method, authid, secret) {
  return new Promise((resolve, reject) => {
    const c = new autobahn.Connection({ url, realm, max_retries: 0, ...settings(method, authid, secret) })
    const t = setTimeout(() => reject(new Error('timeout')), 15000)
    c.onopen = (s, d) => { clearTimeout(t); resolve({ c, d }) }
    c.onclose = (r, d) => { clearTimeout(t); reject(new Error(r + ' ' + (d && d.reason))); return true }
    c.open()
  })
}
async function refused (what, method, authid, secret, ...reasons) {
  try { const { c } = await join(method, authid, secret); c.close(); check(what, false, 'joined') } catch (e) { check(what, reasons.some(r => String(e).includes(r)), String(e)) }
}
for (const [method, account] of given) {
  if (method === 'provider') continue
  const [authid, secret] = [account.slice(0, account.indexOf(':')), account.slice(account.indexOf(':') + 1)]
  try {
    const { c, d } = await join(method, authid, secret)
    check(`${method} as ${authid}`, d.authmethod === method && d.authprovider === provider && (method === 'anonymous' || d.authid === authid), JSON.stringify(d))
    c.close()
  } catch (e) { check(`${method} as ${authid}`, false, String(e)) }
  if (method === 'anonymous') continue
  const wrong = method === 'cryptosign' ? '11'.repeat(32) : 'wrong'
  const denied = ['wamp.error.not_authorized', 'com.example.unknown']
  await refused(`${method} as ${authid} with a wrong secret`, method, authid, wrong, ...denied)
  await refused(`${method} as nobody`, method, 'nobody', secret, ...denied)
}
console.log(`${ok} passed, ${bad} failed`)
process.exit(bad || !ok ? 1 : 0)
