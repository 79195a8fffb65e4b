"""Raw WAMP over WebSocket in JSON: runs every scenario against one router and prints what came over the wire.

usage: differential_python.py WS_URL REALM [SCENARIO ...]

Prints one JSON object per scenario: {"scenario": name, "lines": [...]}. A line is a message that a session received (or
the end of its connection), under the session's name. What a router chooses freely is replaced by a name: IDs, authids,
times, sentences for people. The end of a wait is a request that is answered after what is waited for, not a timer; only
before WELCOME, where nothing can be asked, time decides.
"""
import asyncio
import json
import re
import sys

import websockets

FEATURES = {
    "caller": ("caller_identification", "call_canceling", "progressive_call_results"),
    "callee": ("caller_identification", "call_canceling", "progressive_call_results", "pattern_based_registration",
               "shared_registration", "registration_revocation"),
    "publisher": ("publisher_identification", "subscriber_blackwhite_listing", "publisher_exclusion"),
    "subscriber": ("publisher_identification", "pattern_based_subscription", "subscription_revocation",
                   "event_retention"),
}
ROLES = {role: {"features": dict.fromkeys(names, True)} for role, names in FEATURES.items()}
PASSTHRU = {role: {"features": {**ROLES[role]["features"], "payload_passthru_mode": True}} for role in FEATURES}
CHUNKS = {role: {"features": {**ROLES[role]["features"], "progressive_call_invocations": True}} for role in FEATURES}
PLAIN = {role: {} for role in FEATURES}
NAMES = {1: "HELLO", 2: "WELCOME", 3: "ABORT", 4: "CHALLENGE", 6: "GOODBYE", 8: "ERROR", 17: "PUBLISHED",
         33: "SUBSCRIBED", 35: "UNSUBSCRIBED", 36: "EVENT", 50: "RESULT", 65: "REGISTERED", 67: "UNREGISTERED",
         68: "INVOCATION", 69: "INTERRUPT"}
TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
BARRIER = 100000                 # request IDs from here on belong to barriers, which no transcript shows
BARRIER_WAIT = 20                # seconds for an answer that must come
SILENCE = 1.5                    # seconds that count as "nothing comes" before there is a session
EVERYWHERE = ("callee", "callee_authid", "callee_authrole")     # shown by the scenario result_details alone


class Peer:
    """One connection, and the session on it."""

    def __init__(self, world, name):
        self.world, self.name = world, name
        self.log, self.requests, self.barriers = [], 0, 0
        self.closed, self.id, self.welcome, self.quiet = None, None, None, False
        self.asked = {}             # request ID to the URI asked for
        self.changed = asyncio.Event()

    async def connect(self):
        self.ws = await websockets.connect(self.world.url, subprotocols=["wamp.2.json"], max_size=None,
                                           compression=None, ping_interval=None, proxy=None)
        self.reader = asyncio.create_task(self._read())
        return self

    async def _read(self):
        try:
            async for text in self.ws:
                self.log.append(json.loads(text))
                self.changed.set()
        except websockets.ConnectionClosed:
            pass
        self.closed = self.ws.close_code
        self.changed.set()

    async def until(self, found, seconds=BARRIER_WAIT):
        """The first message for which found() holds; None if the connection ends or time runs out."""
        async def wait():
            while True:
                for m in self.log:
                    if found(m):
                        return m
                if self.closed is not None:
                    return None
                self.changed.clear()
                await self.changed.wait()
        try:
            return await asyncio.wait_for(wait(), seconds)
        except asyncio.TimeoutError:
            return None

    async def raw(self, text):
        try:
            await self.ws.send(text)
        except websockets.ConnectionClosed:
            pass

    async def send(self, *message):
        await self.raw(json.dumps(list(message)))

    async def barrier(self):
        self.barriers += 1
        mine = BARRIER + self.barriers
        await self.send(48, mine, {}, "wamp.session.count")
        return await self.until(lambda m: m[0] in (8, 50) and mine in m[1:3])

    def next(self):
        self.requests += 1
        return self.requests

    async def start(self, code, *rest):
        """Send a request and do not wait: its ID."""
        r = self.next()
        self.asked[r] = next((x for x in rest if isinstance(x, str)), None)
        await self.send(code, r, *rest)
        return r

    def answer(self, r):
        for m in self.log:
            if (m[0] in (17, 33, 35, 50, 65, 67) and m[1] == r) or (m[0] == 8 and m[2] == r):
                return m
        return None

    async def ask(self, code, *rest):
        """Send a request that the router itself answers: its answer, or None if it gives none."""
        r = await self.start(code, *rest)
        await self.barrier()
        return self.answer(r)

    async def subscribe(self, topic, **options):
        m = await self.ask(32, options, topic)
        return m[2] if m and m[0] == 33 else 0

    async def register(self, procedure, **options):
        m = await self.ask(64, options, procedure)
        return m[2] if m and m[0] == 65 else 0

    async def publish(self, topic, args=None, acknowledge=True, **options):
        if acknowledge is not None:
            options["acknowledge"] = acknowledge
        return await self.ask(16, options, topic, *([] if args is None else [args]))

    async def meta(self, procedure, *args, **kwargs):
        m = await self.ask(48, {}, procedure, list(args), kwargs)
        return m[3][0] if m and m[0] == 50 and len(m) > 3 and m[3] else None

    async def got(self, code, n=1, seconds=BARRIER_WAIT):
        """The n-th message of this type."""
        def nth(_):
            return len([m for m in self.log if m[0] == code]) >= n
        await self.until(nth, seconds)
        found = [m for m in self.log if m[0] == code]
        return found[n - 1] if len(found) >= n else [code, 0, 0, 0]

    async def call(self, procedure, *payload, **options):
        return await self.start(48, options, procedure, *payload)

    async def end(self):
        if self.closed is None:
            await self.ws.close()
        await self.reader


class World:
    """One scenario: its peers, and the names of what the router chose."""

    def __init__(self, url, realm):
        self.url, self.realm, self.peers, self.notes = url, realm, [], []
        self.everywhere = False     # whether to show what the other scenarios hide

    async def peer(self, name):
        p = await Peer(self, name).connect()
        self.peers.append(p)
        return p

    async def join(self, name, roles=ROLES, **details):
        p = await self.peer(name)
        await p.send(1, self.realm, {"roles": roles, **details})
        m = await p.until(lambda m: m[0] in (2, 3, 4))
        if not m or m[0] != 2:
            raise RuntimeError("no WELCOME for %s: %r" % (name, m))
        p.id, p.welcome = m[1], m[2]
        p.log.remove(m)
        return p

    async def settle(self):
        """Whatever the router had to send because of what was sent before has arrived."""
        for _ in range(3):
            for p in self.peers:
                if p.closed is None and p.id is not None and not p.quiet:
                    await p.barrier()

    def lines(self):
        sessions, texts, names = {}, {}, {}
        for p in self.peers:
            if p.id is not None:
                sessions[p.id] = "<session %s>" % p.name
                texts[p.welcome.get("authid")] = "<authid %s>" % p.name

        def name(kind, v):
            """An ID of this kind, by the order of appearance; lists and maps of IDs too."""
            if isinstance(v, list):
                return sorted(name(kind, x) for x in v)
            if isinstance(v, dict) and "id" not in v:
                return {k: name(kind, v[k]) for k in v}
            if not isinstance(v, int) or isinstance(v, bool):
                return v
            if v in sessions:
                return sessions[v]
            known = names.setdefault(kind, {})
            return known.setdefault(v, "<%s %d>" % (kind, len(known) + 1))

        def value(v, key=None):
            if isinstance(v, dict):
                hidden = () if self.everywhere else EVERYWHERE
                return {k: value(v[k], k) for k in sorted(v) if not k.startswith("x_cb_") and k not in hidden}
            if isinstance(v, list):
                return [value(x) for x in v]
            if isinstance(v, str):
                if v in texts:
                    return texts[v]
                if v.startswith("<"):           # a name already
                    return v
                if key == "message" or " " in v:
                    return "<text>"
                return "<time>" if TIME.match(v) else v
            if isinstance(v, int) and not isinstance(v, bool):
                if v in sessions:
                    return sessions[v]
                if key in ("subscription", "registration"):
                    return name(key, v)
                return "<id>" if v > 1 << 24 else v
            return v

        def about(uri):
            """Of which kind the IDs are that the meta API names under this URI."""
            part = (uri or "").split(".")
            return part[1] if part[0] == "wamp" and part[1:2] in (["subscription"], ["registration"]) else None

        def identified(kind, v):
            """A payload of the meta API with its IDs named."""
            if isinstance(v, dict) and "id" in v:
                return {**v, "id": name(kind, v["id"])}
            return name(kind, v)

        out = []
        for p in self.peers:
            invocations, topics = {}, {}
            for m in p.log:
                kind, rest = m[0], m[1:]
                at = rest[1] if kind == 8 else rest[0] if rest and isinstance(rest[0], int) else 0
                if kind in (8, 50) and at > BARRIER:
                    continue
                of = None
                if kind == 33:
                    topics[rest[1]] = p.asked.get(rest[0])
                elif kind == 36:
                    of = about(rest[2].get("topic") or topics.get(rest[0]))
                elif kind == 50 and not (p.asked.get(rest[0]) or "").split(".")[-1].startswith("count"):
                    of = about(p.asked.get(rest[0]))
                for place, what in {33: ((1, "subscription"),), 65: ((1, "registration"),), 17: ((1, "publication"),),
                                    36: ((0, "subscription"), (1, "publication")), 68: ((1, "registration"),)}.get(kind, ()):
                    rest[place] = name(what, rest[place])
                if kind in (68, 69):
                    rest[0] = invocations.setdefault(rest[0], "<invocation %d>" % (len(invocations) + 1))
                payload = 3 if kind == 36 else 2
                if of and len(rest) > payload and isinstance(rest[payload], list):
                    rest[payload] = [identified(of, x) for x in rest[payload]]
                # a request ID is the client's own: never a name
                rest = [x if kind != 36 and i < 2 and isinstance(x, int) else value(x) for i, x in enumerate(rest)]
                out.append("%s %s %s" % (p.name, NAMES.get(kind, kind), json.dumps(rest)))
            if p.closed is not None:
                out.append("%s closed %s" % (p.name, p.closed))
        return out + self.notes

    async def end(self):
        for p in self.peers:
            await p.end()


SCENARIOS = {}


def scenario(f):
    SCENARIOS[f.__name__] = f
    return f


# ---- opening and ending sessions

def opening(name, *message):
    async def run(w):
        p = await w.peer("a")
        await p.send(*message)
        m = await p.until(lambda m: True, SILENCE)
        if m and m[0] == 3:
            await p.until(lambda m: False, SILENCE)
        if m and m[0] == 2:
            w.notes.append("welcomed")
            p.log.clear()
    SCENARIOS[name] = run


REALM = sys.argv[2] if len(sys.argv) > 2 else "realm1"
opening("hello_unknown_realm", 1, "com.example.nowhere", {"roles": ROLES})
opening("hello_invalid_realm", 1, "not a realm", {"roles": ROLES})
opening("hello_realm_number", 1, 5, {"roles": ROLES})
opening("hello_without_roles", 1, REALM, {})
opening("hello_empty_roles", 1, REALM, {"roles": {}})
opening("hello_roles_list", 1, REALM, {"roles": ["caller"]})
opening("hello_unknown_role", 1, REALM, {"roles": {"gambler": {}}})
opening("hello_feature_not_boolean", 1, REALM, {"roles": {"caller": {"features": {"call_canceling": 1}}}})
opening("hello_unknown_feature", 1, REALM, {"roles": {"caller": {"features": {"x_flying": True}}}})
opening("hello_unknown_detail", 1, REALM, {"roles": ROLES, "x_colour": "red"})
opening("hello_short", 1, REALM)
opening("hello_ticket_not_offered", 1, REALM, {"roles": ROLES, "authmethods": ["ticket"], "authid": "joe"})
opening("hello_methods_anonymous_last", 1, REALM, {"roles": ROLES, "authmethods": ["ticket", "anonymous"]})
opening("hello_methods_unknown", 1, REALM, {"roles": ROLES, "authmethods": ["x_magic"]})
opening("first_message_call", 48, 1, {}, "wamp.session.count")
opening("first_message_authenticate", 5, "secret", {})
opening("first_message_goodbye", 6, {}, "wamp.close.close_realm")
opening("abort_before_session", 3, {}, "wamp.error.cannot_authenticate")


@scenario
async def welcome_details(w):
    a = await w.join("a")
    d = a.welcome
    w.notes.append("keys %s" % sorted(k for k in d))
    w.notes.append("realm %s role %s method %s provider %s" % tuple(
        d.get(k) for k in ("realm", "authrole", "authmethod", "authprovider")))


@scenario
async def welcome_features(w):
    a = await w.join("a")
    for role, body in sorted(a.welcome["roles"].items()):
        w.notes += ["%s %s %s" % (role, k, v) for k, v in sorted(body["features"].items())]


@scenario
async def welcome_authid_ignored(w):
    a = await w.join("a", authid="joe", authmethods=["anonymous"])
    w.notes.append("took joe: %s" % (a.welcome["authid"] == "joe"))


@scenario
async def goodbye(w):
    a = await w.join("a")
    await a.send(6, {}, "wamp.close.close_realm")
    await a.got(6)
    a.quiet = True


@scenario
async def session_again_after_goodbye(w):
    a = await w.join("a")
    await a.send(6, {}, "wamp.close.close_realm")
    await a.got(6)
    await a.until(lambda m: False, 0.3)
    await a.send(1, w.realm, {"roles": ROLES})
    m = await a.until(lambda m: m[0] == 2, SILENCE)
    w.notes.append("second WELCOME: %s" % (m is not None))
    a.log.clear()


@scenario
async def second_hello(w):
    a = await w.join("a")
    await a.send(1, w.realm, {"roles": ROLES})
    await w.settle()


def violation(name, text):
    async def run(w):
        a = await w.join("a")
        await a.raw(text)
        await w.settle()
    SCENARIOS["violation_" + name] = run


violation("not_json", "{]")
violation("not_array", "{}")
violation("empty_array", "[]")
violation("unknown_code", "[99, 1]")
violation("code_string", '["CALL", 1, {}, "com.example.x"]')
violation("welcome_from_client", '[2, 1, {"roles": {"broker": {}}}]')
violation("result_from_client", "[50, 1, {}]")
violation("call_short", "[48, 1, {}]")
violation("call_long", '[48, 1, {}, "com.example.x", [], {}, 1, 2]')
violation("args_not_list", '[48, 1, {}, "com.example.x", {"a": 1}]')
violation("kwargs_not_map", '[48, 1, {}, "com.example.x", [], [1]]')
violation("options_not_map", '[32, 1, [], "com.example.x"]')
violation("request_id_string", '[32, "1", {}, "com.example.x"]')
violation("request_id_negative", '[32, -1, {}, "com.example.x"]')
violation("request_id_too_large", '[32, 9007199254740993, {}, "com.example.x"]')
violation("uri_number", '[32, 1, {}, 7]')
violation("match_unknown", '[32, 1, {"match": "regex"}, "com.example.x"]')
violation("invoke_unknown", '[64, 1, {"invoke": "all"}, "com.example.x"]')
violation("acknowledge_number", '[16, 1, {"acknowledge": 1}, "com.example.x"]')
violation("exclude_not_list", '[16, 1, {"exclude": 5}, "com.example.x"]')
violation("cancel_mode_unknown", '[49, 1, {"mode": "soft"}]')
violation("timeout_negative", '[48, 1, {"timeout": -1}, "com.example.x"]')
violation("authenticate_in_session", '[5, "secret", {}]')
violation("error_for_call", '[8, 48, 1, {}, "com.example.error"]')


def answered(name, code, *rest):
    """A request that the router answers at once, alone."""
    async def run(w):
        a = await w.join("a")
        await a.ask(code, *rest)
        await w.settle()
    SCENARIOS[name] = run


@scenario
async def yield_unknown_invocation(w):
    a = await w.join("a")
    await a.send(70, 4711, {})
    await w.settle()


@scenario
async def error_unknown_invocation(w):
    a = await w.join("a")
    await a.send(8, 68, 4711, {}, "com.example.error")
    await w.settle()


# ---- URIs

for kind, code in (("call", 48), ("register", 64), ("subscribe", 32)):
    answered("uri_space_%s" % kind, code, {}, "com.example.a b")
    answered("uri_empty_component_%s" % kind, code, {}, "com.example..b")
    answered("uri_hash_%s" % kind, code, {}, "com.example.#")
    answered("uri_upper_case_%s" % kind, code, {}, "Com.Example.UPPER-case")
    answered("uri_empty_%s" % kind, code, {}, "")
answered("uri_space_publish_acknowledged", 16, {"acknowledge": True}, "com.example.a b")
answered("uri_empty_component_publish_acknowledged", 16, {"acknowledge": True}, "com.example..b")
answered("uri_empty_component_publish", 16, {}, "com.example..b")
answered("uri_prefix_everything", 32, {"match": "prefix"}, "")
answered("uri_prefix_ends_in_dot", 32, {"match": "prefix"}, "com.example.")
answered("uri_prefix_empty_component", 32, {"match": "prefix"}, "com..example")
answered("uri_wildcard_everything", 32, {"match": "wildcard"}, "..")
answered("reserved_register", 64, {}, "wamp.example.mine")
answered("reserved_register_prefix", 64, {"match": "prefix"}, "wamp")
answered("reserved_publish_acknowledged", 16, {"acknowledge": True}, "wamp.example.mine")
answered("reserved_publish", 16, {}, "wamp.example.mine")
answered("reserved_subscribe", 32, {}, "wamp.example.mine")
answered("reserved_call_missing", 48, {}, "wamp.example.mine")


# ---- publish and subscribe

def delivered(name, subscribe, topic, payload=([1, "x"], {"k": None}), publish=None, on=None, roles=ROLES):
    async def run(w):
        a, b = await w.join("a", roles), await w.join("b", roles)
        await b.subscribe(on or topic, **subscribe)
        await a.ask(16, {"acknowledge": True, **(publish or {})}, topic, *payload)
        await w.settle()
    SCENARIOS[name] = run


delivered("event_exact", {}, "com.example.topic")
delivered("event_prefix", {"match": "prefix"}, "com.example.topic", on="com.example.t")
delivered("event_prefix_itself", {"match": "prefix"}, "com.example.topic")
delivered("event_wildcard", {"match": "wildcard"}, "com.example.topic", on="com..topic")
delivered("event_wildcard_longer_topic", {"match": "wildcard"}, "com.example.topic.more", on="com..topic")
delivered("event_without_payload", {}, "com.example.topic", ())
delivered("event_empty_args", {}, "com.example.topic", ([],))
delivered("event_args_null", {}, "com.example.topic", (None,))
delivered("event_kwargs_only", {}, "com.example.topic", ([], {"k": 1}))
delivered("event_args_empty_kwargs", {}, "com.example.topic", ([1], {}))
delivered("event_unknown_option", {"x_wish": 1}, "com.example.topic", publish={"x_wish": 1})
delivered("event_disclose_me", {}, "com.example.topic", publish={"disclose_me": True})
delivered("event_disclose_me_false", {}, "com.example.topic", publish={"disclose_me": False})
delivered("event_eligible_nobody", {}, "com.example.topic", publish={"eligible": []})
delivered("event_eligible_authid_nobody", {}, "com.example.topic", publish={"eligible_authid": []})
delivered("event_exclude_authrole", {}, "com.example.topic", publish={"exclude_authrole": ["anonymous"]})
delivered("event_eligible_authrole", {}, "com.example.topic", publish={"eligible_authrole": ["anonymous"]})
delivered("event_eligible_other_authrole", {}, "com.example.topic", publish={"eligible_authrole": ["other"]})
delivered("event_ppt", {}, "com.example.topic", (["\u0000AQID"],), {"ppt_scheme": "x_mine", "ppt_serializer": "cbor"},
          roles=PASSTHRU)
delivered("event_ppt_not_announced", {}, "com.example.topic", (["\u0000AQID"],), {"ppt_scheme": "x_mine"})
delivered("event_transparent_payload", {}, "com.example.topic", ("\u0000AQID",),
          {"enc_algo": "x_mine", "enc_serializer": "cbor"})


@scenario
async def event_integers_and_floats(w):
    a, b = await w.join("a"), await w.join("b")
    await b.subscribe("com.example.topic")
    await a.publish("com.example.topic", [0, -1, 1.5, 16777216, True, "é\u0000", [[]], {}])
    await w.settle()


@scenario
async def publish_unacknowledged(w):
    a, b = await w.join("a"), await w.join("b")
    await b.subscribe("com.example.topic")
    await a.publish("com.example.topic", [1], acknowledge=None)
    await a.publish("com.example.topic", [2], acknowledge=False)
    await w.settle()


@scenario
async def publish_exclude_me(w):
    a = await w.join("a")
    await a.subscribe("com.example.topic")
    await a.publish("com.example.topic", [1])
    await a.publish("com.example.topic", [2], exclude_me=False)
    await a.publish("com.example.topic", [3], exclude_me=True)
    await w.settle()


@scenario
async def publish_exclude_and_eligible(w):
    a, b, c = await w.join("a"), await w.join("b"), await w.join("c")
    for p in (b, c):
        await p.subscribe("com.example.topic")
    await a.publish("com.example.topic", [1], exclude=[b.id])
    await a.publish("com.example.topic", [2], eligible=[b.id])
    await a.publish("com.example.topic", [3], eligible=[b.id, c.id], exclude=[c.id])
    await a.publish("com.example.topic", [4], exclude_authid=[c.welcome["authid"]])
    await a.publish("com.example.topic", [5], eligible_authid=[c.welcome["authid"]])
    await w.settle()


@scenario
async def publish_eligible_me(w):
    a = await w.join("a")
    await a.subscribe("com.example.topic")
    await a.publish("com.example.topic", [1], eligible=[a.id])
    await a.publish("com.example.topic", [2], eligible=[a.id], exclude_me=False)
    await w.settle()


@scenario
async def subscribe_all_matches_at_once(w):
    a, b = await w.join("a"), await w.join("b")
    await b.subscribe("com.example.topic")
    await b.subscribe("com.example.topic", match="prefix")
    await b.subscribe("com.example.topic", match="wildcard")
    await a.publish("com.example.topic", [1])
    await w.settle()
    b.log.sort(key=lambda m: json.dumps(m[3]) if m[0] == 36 and len(m) > 3 else "")


@scenario
async def subscribe_twice(w):
    a, b = await w.join("a"), await w.join("b")
    s = await b.subscribe("com.example.topic")
    await b.subscribe("com.example.topic")
    await a.publish("com.example.topic", [1])
    await b.ask(34, s)
    await a.publish("com.example.topic", [2])
    await b.ask(34, s)
    await w.settle()


@scenario
async def subscribe_same_id_for_two(w):
    a, b = await w.join("a"), await w.join("b")
    s = await a.subscribe("com.example.topic")
    w.notes.append("same ID: %s" % (s == await b.subscribe("com.example.topic")))


@scenario
async def unsubscribe_of_another(w):
    a, b = await w.join("a"), await w.join("b")
    s = await a.subscribe("com.example.topic")
    await b.ask(34, s)
    await w.settle()


answered("unsubscribe_unknown", 34, 4711)


@scenario
async def event_order(w):
    a, b = await w.join("a"), await w.join("b")
    await b.subscribe("com.example.t", match="prefix")
    for n in range(20):
        await a.start(16, {}, "com.example.t%d" % (n % 3), [n])
    await w.settle()


# ---- calls

async def served(w, answer, options=None, call=None, payload=([1, "x"], {"k": None}), roles=ROLES, caller=ROLES,
                 procedure="com.example.proc", on=None):
    """a calls, b has the procedure and answers with what answer(invocation) gives."""
    a, b = await w.join("a", caller), await w.join("b", roles)
    await b.register(on or procedure, **(options or {}))
    await a.start(48, call or {}, procedure, *payload)
    await w.settle()
    i = await b.got(68, seconds=SILENCE)
    for m in answer(i[1]) if i[1] else ():
        await b.send(*m)
    await w.settle()
    await w.settle()
    return a, b


def serving(name, answer, *args, **kwargs):
    async def run(w):
        await served(w, answer, *args, **kwargs)
    SCENARIOS[name] = run


def simple(i):
    return [[70, i, {}, [2, "y"], {"k": 1}]]


serving("call_result", simple)
serving("call_without_payload", lambda i: [[70, i, {}]], payload=())
serving("call_args_null", lambda i: [[70, i, {}, None]], payload=(None,))
serving("call_empty_args", lambda i: [[70, i, {}, []]], payload=([],))
serving("call_kwargs_only", lambda i: [[70, i, {}, [], {"k": 1}]], payload=([], {"k": 1}))
serving("call_error", lambda i: [[8, 68, i, {}, "com.example.error", [1], {"k": 2}]])
serving("call_error_without_payload", lambda i: [[8, 68, i, {}, "com.example.error"]])
serving("call_error_details", lambda i: [[8, 68, i, {"x_more": 1}, "com.example.error"]])
serving("call_error_invalid_uri", lambda i: [[8, 68, i, {}, "com.example..error"]])
serving("call_yield_twice", lambda i: simple(i) * 2)
serving("call_yield_unknown_option", lambda i: [[70, i, {"x_more": 1}, [1]]])
serving("call_disclose_me", simple, call={"disclose_me": True})
serving("call_disclose_caller_option", simple, {"disclose_caller": True})
serving("call_unknown_option", simple, {"x_wish": 1}, {"x_wish": 1})
serving("call_prefix", simple, {"match": "prefix"}, on="com.example.p")
serving("call_wildcard", simple, {"match": "wildcard"}, on="com..proc")
serving("call_plain_callee", simple, roles=PLAIN, caller=PLAIN)
serving("call_progressive", lambda i: [[70, i, {"progress": True}, [1]], [70, i, {"progress": True}, [2]], [70, i, {}, [3]]],
        call={"receive_progress": True})
serving("call_progressive_then_error", lambda i: [[70, i, {"progress": True}, [1]], [8, 68, i, {}, "com.example.error"]],
        call={"receive_progress": True})
serving("call_progressive_not_wanted", lambda i: [[70, i, {"progress": True}, [1]], [70, i, {}, [2]]])
serving("call_progressive_plain_callee", simple, call={"receive_progress": True}, roles=PLAIN)
serving("call_ppt", lambda i: [[70, i, {"ppt_scheme": "x_mine"}, ["\u0000AQID"]]], call={"ppt_scheme": "x_mine"},
        payload=(["\u0000AQID"],), roles=PASSTHRU, caller=PASSTHRU)
serving("call_ppt_callee_without", simple, call={"ppt_scheme": "x_mine"}, payload=(["\u0000AQID"],), caller=PASSTHRU)
serving("call_ppt_not_announced", simple, call={"ppt_scheme": "x_mine"}, payload=(["\u0000AQID"],))
serving("call_transparent_payload", lambda i: [[70, i, {"enc_algo": "x_mine", "enc_serializer": "cbor"}, "\u0000AQID"]],
        call={"enc_algo": "x_mine", "enc_serializer": "cbor"}, payload=("\u0000AQID",))
answered("call_missing", 48, {}, "com.example.missing")
answered("unregister_unknown", 66, 4711)


@scenario
async def result_details(w):
    w.everywhere = True
    await served(w, simple)


@scenario
async def call_in_chunks(w):
    a, b = await w.join("a", CHUNKS), await w.join("b", CHUNKS)
    await b.register("com.example.proc")
    r = await a.call("com.example.proc", [1], progress=True)
    await a.send(48, r, {"progress": True}, "com.example.proc", [2])
    await a.send(48, r, {}, "com.example.proc", [3])
    await w.settle()
    for i in {m[1] for m in b.log if m[0] == 68}:
        await b.send(70, i, {}, ["all"])
    await w.settle()


@scenario
async def call_own_procedure(w):
    a = await w.join("a")
    await a.register("com.example.proc")
    await a.call("com.example.proc", [1])
    await w.settle()
    await a.send(70, (await a.got(68, seconds=SILENCE))[1], {}, [2])
    await w.settle()


@scenario
async def call_many_in_order(w):
    a, b = await w.join("a"), await w.join("b")
    await b.register("com.example.proc")
    for n in range(10):
        await a.call("com.example.proc", [n])
    await w.settle()
    for m in [m for m in b.log if m[0] == 68]:
        await b.send(70, m[1], {}, m[4])
    await w.settle()


@scenario
async def call_request_id_repeated(w):
    a = await w.join("a")
    for _ in range(2):
        await a.send(48, 7, {}, "wamp.session.count")
    await w.settle()


@scenario
async def call_request_id_backwards(w):
    a = await w.join("a")
    for n in (9, 3, 0):
        await a.send(48, n, {}, "wamp.session.count")
    await w.settle()


@scenario
async def yield_of_another(w):
    a, b, c = await w.join("a"), await w.join("b"), await w.join("c")
    await b.register("com.example.proc")
    await a.call("com.example.proc")
    await w.settle()
    i = (await b.got(68, seconds=SILENCE))[1]
    await c.send(70, i, {}, ["stolen"])
    await w.settle()
    # an invocation's number may mean something in its own session only, so that this ends nothing
    w.notes.append("caller was answered: %s" % any(m[0] in (8, 50) and m[1:2] == [1] for m in a.log))


@scenario
async def register_twice(w):
    a, b = await w.join("a"), await w.join("b")
    await a.register("com.example.proc")
    await a.register("com.example.proc")
    await b.register("com.example.proc")
    await w.settle()


@scenario
async def register_other_policy(w):
    a, b = await w.join("a"), await w.join("b")
    await a.register("com.example.proc", invoke="roundrobin")
    await b.register("com.example.proc", invoke="first")
    await b.register("com.example.proc")
    await w.settle()


@scenario
async def register_shared_twice(w):
    a = await w.join("a")
    await a.register("com.example.proc", invoke="roundrobin")
    await a.register("com.example.proc", invoke="roundrobin")
    await w.settle()


@scenario
async def register_forced(w):
    a, b = await w.join("a"), await w.join("b")
    await a.register("com.example.proc")
    await b.register("com.example.proc", force_reregister=True)
    await w.settle()


@scenario
async def unregister(w):
    a, b = await w.join("a"), await w.join("b")
    r = await a.register("com.example.proc")
    await b.ask(66, r)
    await a.ask(66, r)
    await a.ask(66, r)
    await b.ask(48, {}, "com.example.proc")
    await w.settle()


@scenario
async def unregister_during_call(w):
    a, b = await w.join("a"), await w.join("b")
    r = await b.register("com.example.proc")
    await a.call("com.example.proc")
    await w.settle()
    await b.ask(66, r)
    await b.send(70, (await b.got(68, seconds=SILENCE))[1], {}, ["late"])
    await w.settle()


def policy(invoke):
    async def run(w):
        a = await w.join("a")
        callees = [await w.join(n) for n in "bcd"]
        for c in callees:
            await c.register("com.example.proc", invoke=invoke)
        for n in range(7):
            await a.call("com.example.proc", [n])
            await w.settle()
            for c in callees:
                for m in [m for m in c.log if m[0] == 68 and m[4] == [n]]:
                    await c.send(70, m[1], {}, m[4])
            await w.settle()
        await callees[0].end()
        await w.settle()
        if invoke == "random":              # who was asked is chance; all calls were answered
            for c in callees:
                c.log = [m for m in c.log if m[0] != 68]
    SCENARIOS["shared_" + invoke] = run


for invoke in ("roundrobin", "first", "last", "random"):
    policy(invoke)


@scenario
async def call_concurrency_limit(w):
    a, b = await w.join("a"), await w.join("b")
    await b.register("com.example.proc", concurrency=1, invoke="roundrobin")
    await a.call("com.example.proc", [1])
    await a.call("com.example.proc", [2])
    await w.settle()
    await b.send(70, (await b.got(68, seconds=SILENCE))[1], {})
    await w.settle()


@scenario
async def call_best_pattern(w):
    a, b = await w.join("a"), await w.join("b")
    for uri, match in (("a1.b2.c3.d4.e55", "exact"), ("a1.b2.c3", "prefix"), ("a1.b2.c3.d4", "prefix"),
                       ("a1.b2..d4.e5", "wildcard"), ("a1.b2.c33..e5", "wildcard"),
                       ("a1.b2..d4.e5..g7", "wildcard"), ("a1.b2..d4..f6.g7", "wildcard")):
        await b.register(uri, match=match)
    for uri in ("a1.b2.c3.d4.e55", "a1.b2.c3.d98.e74", "a1.b2.c3.d4.e325", "a1.b2.c55.d4.e5", "a1.b2.c33.d4.e5",
                "a1.b2.c88.d4.e5.f6.g7", "a2.b2.c2.d2.e2"):
        await a.call(uri)
    await w.settle()


def canceled(mode, answer, roles=ROLES):
    async def run(w):
        a, b = await w.join("a"), await w.join("b", roles)
        await b.register("com.example.proc")
        r = await a.call("com.example.proc")
        await w.settle()
        await a.send(49, r, {"mode": mode} if mode else {})
        await w.settle()
        i = (await b.got(68, seconds=SILENCE))[1]
        await b.send(*([70, i, {}, ["late"]] if answer == "yield" else [8, 68, i, {}, "com.example.error"]))
        await w.settle()
    SCENARIOS["cancel_%s_%s%s" % (mode or "default", answer, "" if roles is ROLES else "_plain_callee")] = run


for mode in ("skip", "kill", "killnowait"):
    for answer in ("yield", "error"):
        canceled(mode, answer)
canceled("", "yield")
for mode in ("kill", "killnowait"):
    canceled(mode, "yield", PLAIN)


@scenario
async def cancel_unknown(w):
    a = await w.join("a")
    await a.send(49, 4711, {})
    await w.settle()


@scenario
async def cancel_finished(w):
    a, _ = await served(w, simple)
    await a.send(49, 1, {})
    await w.settle()


@scenario
async def call_timeout_of_a_second(w):
    """1: a second to a caller that did not announce call_timeout."""
    a, b = await w.join("a"), await w.join("b")
    await b.register("com.example.proc")
    r = await a.call("com.example.proc", timeout=1)
    await a.until(lambda m: m[0] == 8 and m[2] == r, 8)
    await w.settle()


@scenario
async def call_answered_before_timeout(w):
    await served(w, simple, call={"timeout": 30})


@scenario
async def caller_leaves(w):
    a, b = await w.join("a"), await w.join("b")
    await b.register("com.example.proc")
    await a.call("com.example.proc")
    await w.settle()
    await a.end()
    await w.settle()
    await b.got(69, seconds=SILENCE)


@scenario
async def callee_leaves(w):
    a, b = await w.join("a"), await w.join("b")
    await b.register("com.example.proc")
    r = await a.call("com.example.proc")
    await w.settle()
    await b.end()
    await a.until(lambda m: m[0] == 8 and m[2] == r, SILENCE)
    await a.ask(48, {}, "com.example.proc")
    await w.settle()


# ---- meta API

def asked(name, procedure, *args, **kwargs):
    async def run(w):
        a, _ = await w.join("a"), await w.join("b")
        await a.meta(procedure, *args, **kwargs)
        await w.settle()
    SCENARIOS["meta_" + name] = run


asked("session_count_role", "wamp.session.count", ["anonymous"])
asked("session_count_other_role", "wamp.session.count", ["other"])
asked("session_count_bad_filter", "wamp.session.count", 5)
asked("session_list_other_role", "wamp.session.list", ["other"])
asked("session_get_unknown", "wamp.session.get", 4711)
asked("session_get_no_argument", "wamp.session.get")
asked("session_get_string", "wamp.session.get", "joe")
asked("session_kill_unknown", "wamp.session.kill", 4711)
asked("session_kill_by_authid_unknown", "wamp.session.kill_by_authid", "nobody")
asked("session_kill_by_authrole_unknown", "wamp.session.kill_by_authrole", "nobody")
asked("subscription_get_unknown", "wamp.subscription.get", 4711)
asked("subscription_lookup_unknown", "wamp.subscription.lookup", "com.example.missing")
asked("subscription_match_unknown", "wamp.subscription.match", "com.example.missing")
asked("subscription_list_subscribers_unknown", "wamp.subscription.list_subscribers", 4711)
asked("subscription_count_subscribers_unknown", "wamp.subscription.count_subscribers", 4711)
asked("subscription_get_events_unknown", "wamp.subscription.get_events", 4711)
asked("registration_get_unknown", "wamp.registration.get", 4711)
asked("registration_lookup_unknown", "wamp.registration.lookup", "com.example.missing")
asked("registration_match_unknown", "wamp.registration.match", "com.example.missing")
asked("registration_list_callees_unknown", "wamp.registration.list_callees", 4711)
asked("registration_count_callees_unknown", "wamp.registration.count_callees", 4711)
asked("testament_bad_scope", "wamp.session.add_testament", "com.example.topic", [], {}, scope="never")
asked("flush_testaments_bad_scope", "wamp.session.flush_testaments", scope="never")
asked("lookup_without_argument", "wamp.registration.lookup")


@scenario
async def meta_session_list(w):
    a, b = await w.join("a"), await w.join("b")
    found = await a.meta("wamp.session.list") or []
    a.log.clear()
    w.notes.append("lists a %s, b %s" % (a.id in found, b.id in found))


@scenario
async def meta_session_get(w):
    a, b = await w.join("a"), await w.join("b")
    found = await a.meta("wamp.session.get", b.id) or {}
    a.log.clear()
    w.notes += ["keys %s" % sorted(found), "transport %s" % sorted(found.get("transport") or {})]
    w.notes.append("right: %s" % (found.get("session") == b.id and found.get("authrole") == "anonymous"))


@scenario
async def meta_session_kill(w):
    a, b = await w.join("a"), await w.join("b")
    await a.meta("wamp.session.kill", b.id, reason="com.example.reason", message="go")
    await b.got(6)
    await b.send(6, {}, "wamp.close.goodbye_and_out")
    await a.meta("wamp.session.get", b.id)


@scenario
async def meta_session_kill_default_reason(w):
    a, b = await w.join("a"), await w.join("b")
    await a.meta("wamp.session.kill", b.id)
    await b.got(6)


@scenario
async def meta_session_kill_bad_reason(w):
    a, b = await w.join("a"), await w.join("b")
    await a.meta("wamp.session.kill", b.id, reason="not a uri")
    await w.settle()


@scenario
async def meta_session_kill_self(w):
    a = await w.join("a")
    await a.meta("wamp.session.kill", a.id)
    await w.settle()


@scenario
async def meta_session_kill_by_authid(w):
    a, b = await w.join("a"), await w.join("b")
    await a.meta("wamp.session.kill_by_authid", b.welcome["authid"], reason="com.example.reason")
    await b.got(6)


@scenario
async def meta_session_kill_by_authid_self(w):
    a = await w.join("a")
    await a.meta("wamp.session.kill_by_authid", a.welcome["authid"])
    await w.settle()


@scenario
async def meta_events_session(w):
    a = await w.join("a")
    await a.subscribe("wamp.session.on_join")
    await a.subscribe("wamp.session.on_leave")
    b = await w.join("b")
    await w.settle()
    await b.end()
    await a.got(36, 2)
    join = [m for m in a.log if m[0] == 36 and isinstance(m[4][0], dict)]
    for m in join:
        w.notes.append("on_join keys %s" % sorted(m[4][0]))
        m[4][0] = {"session": m[4][0]["session"]}


@scenario
async def meta_events_subscription(w):
    a, b, c = await w.join("a"), await w.join("b"), await w.join("c")
    for what in ("on_create", "on_subscribe", "on_unsubscribe", "on_delete"):
        await a.subscribe("wamp.subscription." + what)
    s = await b.subscribe("com.example.topic", match="prefix")
    await c.subscribe("com.example.topic", match="prefix")
    await b.ask(34, s)
    await c.ask(34, s)
    await w.settle()


@scenario
async def meta_events_subscription_leave(w):
    a, b = await w.join("a"), await w.join("b")
    for what in ("on_unsubscribe", "on_delete"):
        await a.subscribe("wamp.subscription." + what)
    await b.subscribe("com.example.topic")
    await w.settle()
    await b.end()
    await a.got(36, 2, SILENCE)
    await w.settle()


@scenario
async def meta_events_registration(w):
    a, b, c = await w.join("a"), await w.join("b"), await w.join("c")
    for what in ("on_create", "on_register", "on_unregister", "on_delete"):
        await a.subscribe("wamp.registration." + what)
    r = await b.register("com.example.proc", invoke="roundrobin")
    await c.register("com.example.proc", invoke="roundrobin")
    await b.ask(66, r)
    await c.ask(66, r)
    await w.settle()


@scenario
async def meta_events_registration_leave(w):
    a, b = await w.join("a"), await w.join("b")
    for what in ("on_unregister", "on_delete"):
        await a.subscribe("wamp.registration." + what)
    await b.register("com.example.proc")
    await w.settle()
    await b.end()
    await a.got(36, 2, SILENCE)
    await w.settle()


@scenario
async def meta_subscription(w):
    a, b = await w.join("a"), await w.join("b")
    s = await b.subscribe("com.example.topic")
    p = await b.subscribe("com.example.", match="prefix")
    for name, args in (("list", ()), ("lookup", ("com.example.topic",)),
                       ("lookup", ("com.example.", {"match": "prefix"})), ("match", ("com.example.topic",)),
                       ("get", (s,)), ("get", (p,)), ("list_subscribers", (s,)), ("count_subscribers", (s,))):
        await a.meta("wamp.subscription." + name, *args)
    await w.settle()


@scenario
async def meta_registration(w):
    a, b = await w.join("a"), await w.join("b")
    r = await b.register("com.example.proc", invoke="first")
    p = await b.register("com.example.", match="prefix")
    for name, args in (("list", ()), ("lookup", ("com.example.proc",)),
                       ("lookup", ("com.example.", {"match": "prefix"})), ("match", ("com.example.proc",)),
                       ("match", ("com.example.other",)),
                       ("get", (r,)), ("get", (p,)), ("list_callees", (r,)), ("count_callees", (r,))):
        await a.meta("wamp.registration." + name, *args)
    await w.settle()


@scenario
async def meta_remove_subscriber(w):
    a, b = await w.join("a"), await w.join("b")
    s = await b.subscribe("com.example.topic")
    await a.meta("wamp.subscription.remove_subscriber", s, b.id)
    await a.publish("com.example.topic", [1])
    await w.settle()


@scenario
async def meta_remove_callee(w):
    a, b = await w.join("a"), await w.join("b")
    r = await b.register("com.example.proc")
    await a.meta("wamp.registration.remove_callee", r, b.id)
    await a.ask(48, {}, "com.example.proc")
    await w.settle()


def testament(name, scope, goodbye=False, flush=None, options=None):
    async def run(w):
        a, b = await w.join("a"), await w.join("b")
        await a.subscribe("com.example.last")
        kwargs = {} if scope is None else {"scope": scope}
        if options:
            kwargs["publish_options"] = options
        await b.meta("wamp.session.add_testament", "com.example.last", ["bye"], {"k": 1}, **kwargs)
        if flush:
            await b.meta("wamp.session.flush_testaments", scope=flush)
        b.log.clear()
        await w.settle()
        if goodbye:
            await b.send(6, {}, "wamp.close.close_realm")
            await b.got(6)
            b.log.clear()
        await b.end()
        await a.got(36, seconds=SILENCE)
        await w.settle()
        b.closed = None             # the scenario ended it
    SCENARIOS["testament_" + name] = run


testament("default_scope", None)
testament("detached", "detached")
testament("after_goodbye", None, goodbye=True)
testament("flushed", None, flush="destroyed")
testament("other_scope_flushed", None, flush="detached")
testament("publish_options", None, options={"exclude_authrole": ["anonymous"]})


@scenario
async def testament_results(w):
    a = await w.join("a")
    await a.meta("wamp.session.add_testament", "com.example.last", [], {})
    await a.meta("wamp.session.flush_testaments")
    await w.settle()


# ---- retained events; last, because a retained event keeps its subscription

def retained(name, store, get, on=None):
    async def run(w):
        topic = "com.example.retained." + name
        a, b = await w.join("a"), await w.join("b")
        for n, options in enumerate(store):
            await a.publish(topic, [n], **options)
        await b.subscribe((on or "%s") % topic, **get)
        await w.settle()
        await a.publish(topic, ["live"])
        await w.settle()
    SCENARIOS["retained_" + name] = run


retained("event", [{"retain": True}], {"get_retained": True})
retained("newest", [{"retain": True}, {"retain": True}, {}], {"get_retained": True})
retained("not_wanted", [{"retain": True}], {})
retained("none", [], {"get_retained": True})
retained("excluded", [{"retain": True, "exclude_authrole": ["anonymous"]}], {"get_retained": True})
retained("prefix", [{"retain": True}], {"get_retained": True, "match": "prefix"})


@scenario
async def meta_session_kill_all(w):
    a, b = await w.join("a"), await w.join("b")
    await a.meta("wamp.session.kill_all", reason="com.example.reason")
    await b.got(6, seconds=SILENCE)


async def alone(url, realm):
    """Wait until the sessions of the scenario before are gone; also until the router answers at all."""
    for _ in range(600):
        w = World(url, realm)
        try:
            p = await w.join("watch")
            if await p.meta("wamp.session.count") == 1:
                return
        except (OSError, RuntimeError, websockets.WebSocketException):
            pass
        finally:
            await w.end()
        await asyncio.sleep(0.1)
    sys.exit("no session that is alone at %s after a minute" % url)


async def main(url, realm, names):
    for name in names or SCENARIOS:
        await alone(url, realm)
        w = World(url, realm)
        try:
            await asyncio.wait_for(SCENARIOS[name](w), 60)
            lines = w.lines()
        except Exception as e:          # a scenario that cannot go on is a difference, not the end of the run
            lines = w.lines() + ["broken off: %s %s" % (type(e).__name__, e)]
        print(json.dumps({"scenario": name, "lines": lines}), flush=True)
        await w.end()


if len(sys.argv) < 3:
    print(__doc__)
    sys.exit(2)
asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
