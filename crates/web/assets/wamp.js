// A WAMP client for one realm over one WebSocket with JSON: as much of it as the console needs.

const HELLO = 1, WELCOME = 2, ABORT = 3, CHALLENGE = 4, AUTHENTICATE = 5, GOODBYE = 6, ERROR = 8, PUBLISH = 16,
  PUBLISHED = 17, SUBSCRIBE = 32, SUBSCRIBED = 33, UNSUBSCRIBE = 34, UNSUBSCRIBED = 35, EVENT = 36, CALL = 48,
  RESULT = 50, REGISTER = 64, REGISTERED = 65, UNREGISTER = 66, UNREGISTERED = 67, INVOCATION = 68, YIELD = 70;

const JOIN_TIMEOUT = 10_000;

/** What the node or the network says against a wish. */
export class WampError extends Error {
  constructor(uri, text = "") {
    super(text ? `${uri}: ${text}` : uri);
    this.uri = uri;
  }
}

function refusal(uri, details, args) {
  const said = [details?.message, ...(Array.isArray(args) ? args : [])].filter((part) => typeof part === "string");
  return new WampError(uri, said.join(" "));
}

export class Session {
  #socket;
  #next = 1;
  #waiting = new Map();
  #events = new Map();
  #procedures = new Map();
  #joined = null;
  #leaving = false;
  /** Called once with a reason when a joined session is over. */
  onclose = () => {};

  /**
   * Joins a realm; resolves to the session. `ticket` is for realms that ask for one.
   * @param {{url: string, realm: string, authid?: string, ticket?: string}} wish
   */
  static join(wish) {
    return new Promise((resolve, reject) => {
      const session = new Session();
      const fail = (error) => {
        clearTimeout(timer);
        session.#joined = null;
        session.#socket?.close();
        reject(error);
      };
      const timer = setTimeout(() => fail(new WampError("timeout", "no answer within ten seconds")), JOIN_TIMEOUT);
      session.#joined = {
        wish,
        welcome(id, details) {
          clearTimeout(timer);
          session.#joined = null;
          session.id = id;
          session.details = details;
          resolve(session);
        },
        fail,
      };
      try {
        session.#open(wish);
      } catch (error) {
        fail(new WampError("bad address", error.message));
      }
    });
  }

  #open({ url, realm, authid, ticket }) {
    const socket = new WebSocket(url, ["wamp.2.json"]);
    this.#socket = socket;
    socket.onopen = () => {
      const roles = { publisher: {}, subscriber: {}, caller: {}, callee: {} };
      const hello = { roles, agent: "Transom console" };
      if (authid) Object.assign(hello, { authid, authmethods: ticket ? ["ticket"] : ["anonymous"] });
      this.#send([HELLO, realm, hello]);
    };
    socket.onmessage = ({ data }) => {
      let message;
      try {
        message = JSON.parse(data);
      } catch {
        message = null;
      }
      if (Array.isArray(message)) this.#receive(message);
      else this.#over(new WampError("protocol", "what came is no WAMP message"));
    };
    socket.onclose = ({ code, reason }) => {
      const why = this.#joined
        ? new WampError("cannot connect", `nothing answers at ${url}, or it does not allow this page's origin`)
        : new WampError(this.#leaving ? "left" : "connection lost", reason || (code === 1006 ? "" : `code ${code}`));
      this.#over(why);
    };
  }

  #over(why) {
    if (this.#joined) {
      this.#joined.fail(why);
      return;
    }
    if (!this.#socket) return;
    const socket = this.#socket;
    this.#socket = null;
    for (const { reject } of this.#waiting.values()) reject(why);
    this.#waiting.clear();
    socket.close();
    this.onclose(why);
  }

  #send(message) {
    this.#socket?.send(JSON.stringify(message));
  }

  #request(message) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return Promise.reject(new WampError("not joined"));
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#send([message[0], id, ...message.slice(1)]);
    });
  }

  #settle(id, value) {
    this.#waiting.get(id)?.resolve(value);
    this.#waiting.delete(id);
  }

  #receive(message) {
    const [type, first, second] = message;
    switch (type) {
      case WELCOME:
        this.#joined?.welcome(first, second);
        break;
      case CHALLENGE:
        this.#send([AUTHENTICATE, this.#joined?.wish.ticket ?? "", {}]);
        break;
      case ABORT:
        this.#over(refusal(second, first, message[3]));
        break;
      case GOODBYE:
        if (!this.#leaving) this.#send([GOODBYE, {}, "wamp.close.goodbye_and_out"]);
        this.#over(new WampError(this.#leaving ? "left" : second, first?.message));
        break;
      case PUBLISHED:
      case SUBSCRIBED:
      case REGISTERED:
        this.#settle(first, second);
        break;
      case UNSUBSCRIBED:
      case UNREGISTERED:
        this.#settle(first);
        break;
      case RESULT:
        this.#settle(first, { args: message[3] ?? [], kwargs: message[4] ?? {} });
        break;
      case ERROR:
        this.#waiting.get(second)?.reject(refusal(message[4], message[3], message[5]));
        this.#waiting.delete(second);
        break;
      case EVENT:
        this.#events.get(first)?.({ details: message[3] ?? {}, args: message[4] ?? [], kwargs: message[5] ?? {} });
        break;
      case INVOCATION: {
        const answer = this.#procedures.get(second);
        const call = { args: message[4] ?? [], kwargs: message[5] ?? {} };
        if (answer) this.#send([YIELD, first, {}, ...payload(answer(call))]);
        else this.#send([ERROR, INVOCATION, first, {}, "wamp.error.no_such_procedure"]);
        break;
      }
      default: // nothing that this client asked for
    }
  }

  async subscribe(topic, handler) {
    const id = await this.#request([SUBSCRIBE, {}, topic]);
    this.#events.set(id, handler);
    return id;
  }

  async unsubscribe(id) {
    await this.#request([UNSUBSCRIBE, id]);
    this.#events.delete(id);
  }

  /** Resolves to the publication's number once the node has it. */
  publish(topic, content, options = {}) {
    return this.#request([PUBLISH, { acknowledge: true, ...options }, topic, ...payload(content)]);
  }

  call(procedure, content) {
    return this.#request([CALL, {}, procedure, ...payload(content)]);
  }

  async register(procedure, answer) {
    const id = await this.#request([REGISTER, {}, procedure]);
    this.#procedures.set(id, answer);
    return id;
  }

  async unregister(id) {
    await this.#request([UNREGISTER, id]);
    this.#procedures.delete(id);
  }

  leave() {
    if (!this.#socket) return;
    this.#leaving = true;
    this.#send([GOODBYE, {}, "wamp.close.close_realm"]);
    setTimeout(() => this.#over(new WampError("left")), 1000);
  }
}

function payload({ args = [], kwargs = {} }) {
  if (Object.keys(kwargs).length) return [args, kwargs];
  return args.length ? [args] : [];
}
