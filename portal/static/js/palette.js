// The command palette: a combobox whose list comes from the server.

import { parsed } from "./trusted.js";
import { say } from "./ui.js";

const WAIT_MS = 150;
const started = new WeakSet();

export function start(dialog) {
  const field = dialog.querySelector("[role=combobox]");
  const list = dialog.querySelector("[role=listbox]");
  const none = dialog.querySelector("#palette-none");
  field.focus();
  field.select();
  if (started.has(dialog)) return;
  started.add(dialog);
  let timer = 0;
  let asked = 0;
  let busy = null;

  const options = () => [...list.querySelectorAll("[role=option]")];
  const chosen = () => list.querySelector('[aria-selected="true"]');

  function choose(option) {
    chosen()?.setAttribute("aria-selected", "false");
    if (!option) return field.removeAttribute("aria-activedescendant");
    option.setAttribute("aria-selected", "true");
    option.scrollIntoView({ block: "nearest" });
    return field.setAttribute("aria-activedescendant", option.id);
  }

  function ask() {
    busy = answer().finally(() => { busy = null; });
    return busy;
  }

  async function answer() {
    const mine = ++asked;
    const address = new URL(dialog.dataset.palette, window.location.href);
    address.searchParams.set("q", field.value.trim());
    let body = null;
    try {
      const response = await fetch(address, { headers: { "HX-Request": "true" }, credentials: "same-origin" });
      if (response.ok && !response.redirected) body = parsed(await response.text());
    } catch {
      body = null;
    }
    if (mine !== asked) return;
    list.replaceChildren(...(body ? body.childNodes : []));
    const found = options().length;
    none.textContent = body ? "Nothing matches." : "The search does not answer. Try again.";
    none.hidden = found > 0;
    field.setAttribute("aria-expanded", String(found > 0));
    choose(options().find((one) => !one.hasAttribute("aria-disabled")) || options()[0]);
    say(found ? `${found} results` : none.textContent);
  }

  function act(option) {
    if (!option) return;
    if (option.dataset.href) window.location.assign(option.dataset.href);
    else say(option.textContent.trim().replace(/\s+/g, " "));
  }

  /** What is listed must answer what is typed before anything is opened. */
  async function enter() {
    if (timer) {
      window.clearTimeout(timer);
      timer = 0;
      await ask();
    } else if (busy) await busy;
    act(chosen());
  }

  field.addEventListener("input", () => {
    window.clearTimeout(timer);
    timer = window.setTimeout(() => { timer = 0; ask(); }, WAIT_MS);
  });
  field.addEventListener("keydown", (event) => {
    const all = options();
    const at = all.indexOf(chosen());
    if (event.key === "ArrowDown") choose(all[(at + 1) % all.length]);
    else if (event.key === "ArrowUp") choose(all[(at - 1 + all.length) % all.length]);
    else if (event.key === "Enter") enter();
    else return;
    event.preventDefault();
  });
  list.addEventListener("click", (event) => act(event.target.closest("[role=option]")));
  ask();
}
