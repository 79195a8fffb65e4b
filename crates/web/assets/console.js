// The console: a session that is used with buttons, and a log of what happens in it.

import { Session } from "./wamp.js";
import { address } from "./connect.js";

const MAX_ENTRIES = 300;

const by = (id) => document.getElementById(id);

let session = null;
let joining = null;

/** Adds to the log; `parts` are texts, those in arrays are code. Texts only: nothing of it is read as markup. */
function log(kind, ...parts) {
  const box = by("log"), entries = by("log-entries");
  const follows = box.scrollHeight - box.scrollTop - box.clientHeight < 40;
  const entry = document.createElement("li");
  entry.className = `entry ${kind}`;
  const time = document.createElement("time");
  time.textContent = new Date().toTimeString().slice(0, 8);
  const tag = document.createElement("span");
  tag.className = "tag";
  tag.textContent = kind;
  const text = document.createElement("span");
  text.className = "text";
  for (const part of parts) {
    if (Array.isArray(part)) {
      const code = document.createElement("code");
      code.textContent = part[0];
      text.append(code, " ");
    } else {
      text.append(`${part} `);
    }
  }
  entry.append(time, tag, text);
  entries.append(entry);
  while (entries.childElementCount > MAX_ENTRIES) entries.firstElementChild.remove();
  by("log-empty").hidden = true;
  if (follows) box.scrollTop = box.scrollHeight;
}

function show({ args, kwargs }) {
  const named = Object.keys(kwargs).length > 0;
  if (named && args.length) return `${JSON.stringify(args)} ${JSON.stringify(kwargs)}`;
  return JSON.stringify(named ? kwargs : args);
}

function status(state, text) {
  const output = by("status");
  output.dataset.state = state;
  output.textContent = text;
  const joined = state === "joined";
  by("join").textContent = joined ? "Leave" : state === "joining" ? "Joining…" : "Join";
  by("join").classList.toggle("primary", !joined);
  for (const id of ["url", "realm", "authid", "ticket"]) by(id).readOnly = state !== "idle";
}

/** A text field's content as arguments: a list, a map of named ones, or a single value. */
function contents(field) {
  const text = field.value.trim();
  field.removeAttribute("aria-invalid");
  if (!text) return { args: [], kwargs: {} };
  try {
    const value = JSON.parse(text);
    if (Array.isArray(value)) return { args: value, kwargs: {} };
    if (value !== null && typeof value === "object") return { args: [], kwargs: value };
    return { args: [value], kwargs: {} };
  } catch {
    field.setAttribute("aria-invalid", "true");
    field.focus();
    throw new Error('arguments are JSON, such as ["Hello", 42] or {"name": 1}');
  }
}

/** The field's text, which must be there. */
function needed(field) {
  const text = field.value.trim();
  field.toggleAttribute("aria-invalid", !text);
  if (text) return text;
  field.focus();
  throw new Error("a name is missing");
}

async function join() {
  const wish = {
    url: needed(by("url")),
    realm: needed(by("realm")),
    authid: by("authid").value.trim(),
    ticket: by("ticket").value,
  };
  status("joining", "Joining…");
  try {
    session = await Session.join(wish);
  } catch (error) {
    status("idle", "Not joined");
    throw error;
  }
  const { authid, authrole } = session.details;
  status("joined", `Joined ${wish.realm}${authrole ? ` as ${authrole}` : ""}`);
  log("joined", [wish.realm], authid ? `as ${authid},` : "", `session ${session.id}`);
  session.onclose = (why) => {
    session = null;
    for (const list of document.querySelectorAll(".chips")) list.replaceChildren();
    status("idle", "Not joined");
    log(why.message === "left" ? "left" : "error", why.message === "left" ? [wish.realm] : why.message);
  };
  return session;
}

/** The session; joins when there is none. */
async function joined() {
  if (session) return session;
  joining ??= join().finally(() => (joining = null));
  return joining;
}

/** Whether a list of chips has one of that name. */
function has(list, name) {
  return [...by(list).querySelectorAll("code")].some((code) => code.textContent === name);
}

function chip(list, name, remove) {
  const item = document.createElement("li");
  const code = document.createElement("code");
  code.textContent = name;
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "×";
  button.setAttribute("aria-label", `Remove ${name}`);
  button.addEventListener("click", () => attempt(async () => {
    await remove();
    item.remove();
  }));
  item.append(code, button);
  by(list).append(item);
}

/** Runs an action; what goes wrong is told in the log. */
async function attempt(action) {
  try {
    await action();
  } catch (error) {
    log("error", error.message);
  }
}

function on(form, action) {
  by(form).addEventListener("submit", (event) => {
    event.preventDefault();
    attempt(action);
  });
}

async function subscribe() {
  const topic = needed(by("subscribe-topic"));
  if (has("subscription-list", topic)) throw new Error(`${topic} is subscribed to already`);
  const session = await joined();
  const id = await session.subscribe(topic, (event) => log("event", [event.details.topic ?? topic], show(event)));
  log("subscribed", [topic]);
  chip("subscription-list", topic, async () => {
    await session.unsubscribe(id);
    log("unsubscribed", [topic]);
  });
}

async function publish() {
  const topic = needed(by("publish-topic"));
  const content = contents(by("publish-args"));
  const session = await joined();
  const options = by("publish-self").checked ? { exclude_me: false } : {};
  await session.publish(topic, content, options);
  log("published", [topic], show(content));
}

async function call() {
  const procedure = needed(by("call-procedure"));
  const content = contents(by("call-args"));
  const session = await joined();
  log("call", [procedure], show(content));
  const begin = performance.now();
  const result = await session.call(procedure, content);
  log("result", [procedure], show(result), `(${(performance.now() - begin).toFixed(1)} ms)`);
}

async function register() {
  const procedure = needed(by("register-procedure"));
  const session = await joined();
  const id = await session.register(procedure, (call) => {
    log("called", [procedure], show(call));
    return call;
  });
  log("registered", [procedure]);
  chip("registration-list", procedure, async () => {
    await session.unregister(id);
    log("unregistered", [procedure]);
  });
}

export function start() {
  by("url").value = address();
  on("join-form", async () => {
    if (session) session.leave();
    else await joined();
  });
  on("subscribe-form", subscribe);
  on("publish-form", publish);
  on("call-form", call);
  on("register-form", register);
  by("clear").addEventListener("click", () => {
    by("log-entries").replaceChildren();
    by("log-empty").hidden = false;
  });
}
