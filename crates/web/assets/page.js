// Keeps the numbers of the page live, and starts its parts.

import * as connect from "./connect.js";
import * as console_ from "./console.js";

const EVERY = 2000;

const by = (id) => document.getElementById(id);

function uptime(seconds) {
  const whole = (unit, of = Infinity) => Math.floor(seconds / unit) % of;
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${whole(60)} min`;
  if (seconds < 86400) return `${whole(3600)} h ${whole(60, 60)} min`;
  return `${whole(86400)} d ${whole(3600, 24)} h`;
}

/** Sets a text only when it changed, so that nothing is announced or drawn in vain. */
function put(element, text) {
  const now = String(text);
  if (element.textContent !== now) element.textContent = now;
}

function show(facts) {
  const sum = (key) => facts.realms.reduce((total, realm) => total + realm[key], 0);
  for (const key of ["sessions", "subscriptions", "registrations"]) put(by(key), sum(key));
  put(by("connections"), facts.transports.reduce((total, transport) => total + transport.open, 0));
  for (const place of document.querySelectorAll("[data-transport]")) {
    const transport = facts.transports.find(({ id }) => id === place.dataset.transport);
    if (transport?.state) put(place, transport.state);
  }
  put(by("pulse-text"), `up ${uptime(facts.uptime)}`);
  by("pulse").dataset.state = "up";
  put(by("headline"), "Your node is running.");
  const body = by("realms");
  facts.realms.forEach((realm, at) => {
    const row = body.rows[at] ?? body.insertRow();
    if (!row.cells.length) {
      const name = document.createElement("th");
      name.scope = "row";
      row.append(name);
      for (let n = 0; n < 3; n++) row.insertCell();
    }
    [realm.name, realm.sessions, realm.subscriptions, realm.registrations].forEach((value, cell) => {
      put(row.cells[cell], value);
    });
  });
  while (body.rows.length > facts.realms.length) body.deleteRow(-1);
}

async function poll() {
  if (!document.hidden) {
    try {
      const response = await fetch(new URL("facts.json", import.meta.url), { cache: "no-store" });
      if (!response.ok) throw new Error(response.statusText);
      show(await response.json());
    } catch {
      by("pulse").dataset.state = "down";
      put(by("pulse-text"), "not answering");
      put(by("headline"), "Your node does not answer.");
    }
  }
  setTimeout(poll, EVERY);
}

connect.start();
console_.start();
poll();
