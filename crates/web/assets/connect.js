// Addresses and first programs: shown with the address by which this page was reached, and copyable.

/** The address of the node's WebSocket, as seen from this page. */
export function address() {
  const { path, url } = document.body.dataset;
  if (!path) return url;
  return `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${path}`;
}

async function copy(text, button) {
  let done = true;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Pages that are not from a secure origin have no clipboard.
    const field = document.createElement("textarea");
    field.value = text;
    field.className = "unseen";
    document.body.append(field);
    field.select();
    done = document.execCommand("copy");
    field.remove();
    button.focus();
  }
  const label = (button.dataset.label ??= button.textContent);
  button.textContent = done ? "Copied" : "Select it";
  clearTimeout(Number(button.dataset.timer));
  button.dataset.timer = setTimeout(() => (button.textContent = label), 1500);
}

function tabs(list) {
  const all = [...list.querySelectorAll("[role=tab]")];
  const choose = (chosen) => {
    for (const tab of all) {
      const is = tab === chosen;
      tab.setAttribute("aria-selected", String(is));
      tab.tabIndex = is ? 0 : -1;
      document.getElementById(tab.getAttribute("aria-controls")).hidden = !is;
    }
  };
  list.addEventListener("click", ({ target }) => all.includes(target) && choose(target));
  list.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const at = all.indexOf(document.activeElement);
    if (!step || at < 0) return;
    event.preventDefault();
    const next = all[(at + step + all.length) % all.length];
    choose(next);
    next.focus();
  });
}

export function start() {
  const fills = { url: address() };
  for (const place of document.querySelectorAll("[data-fill]")) {
    const text = fills[place.dataset.fill];
    if (text) place.textContent = text;
  }
  document.querySelectorAll("[role=tablist]").forEach(tabs);
  for (const button of document.querySelectorAll("button.copy")) button.hidden = false;
  for (const button of document.querySelectorAll("[data-copy]")) {
    button.addEventListener("click", () => copy(button.dataset.copy, button));
  }
  const code = document.getElementById("copy-code");
  code.addEventListener("click", () => {
    copy(document.querySelector("[role=tabpanel]:not([hidden]) code").textContent, code);
  });
}
