// Small things that the other modules share: building elements, icons, the live region, toasts.

const SVG = "http://www.w3.org/2000/svg";

/** An element with attributes and children; text is always set as text. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child != null));
  return element;
}

export function icon(name, size = "s") {
  const drawing = document.createElementNS(SVG, "svg");
  drawing.setAttribute("class", `i ${size}`);
  drawing.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `${document.body.dataset.icons}#${name}`);
  drawing.append(use);
  return drawing;
}

/** Read something out politely; saying the same thing twice is heard twice. */
export function say(text) {
  const region = document.getElementById("say");
  if (!region) return;
  region.textContent = "";
  window.setTimeout(() => { region.textContent = text; }, 60);
}

/** The CSRF header that htmx sends too; the cookie itself can't be read by scripts. */
export function csrf() {
  try {
    return JSON.parse(document.body.getAttribute("hx-headers") || "{}");
  } catch {
    return {};
  }
}

const TONES = { ok: "circle-check", info: "info", crit: "circle-x", warn: "triangle-alert" };

/** A toast for eight seconds, as long as it is neither pointed at nor focused. Errors also stand on the page. */
export function toast(text, tone = "ok", action = null) {
  const close = make("button", { class: "btn s quiet ico", type: "button", "aria-label": "Hide" }, icon("x"));
  const box = make("div", { class: "toast", role: tone === "crit" ? "alert" : "status" },
    make("span", { class: `c-${tone}` }, icon(TONES[tone] || "info", "")), make("span", {}, text));
  if (action) {
    const button = make("button", { class: "btn s", type: "button" }, action.word);
    button.addEventListener("click", () => { action.run(); box.remove(); });
    box.append(button);
  }
  box.append(close);
  let timer = 0;
  const wait = () => { timer = window.setTimeout(() => box.remove(), 8000); };
  const stay = () => window.clearTimeout(timer);
  for (const name of ["mouseenter", "focusin"]) box.addEventListener(name, stay);
  for (const name of ["mouseleave", "focusout"]) box.addEventListener(name, wait);
  close.addEventListener("click", () => box.remove());
  document.getElementById("toasts")?.append(box);
  wait();
  return box;
}

/** Whether an answer is the sign-in page: the session ended and the request was sent there. */
export function isSignIn(xhr) {
  const page = document.body.dataset.signin;
  return Boolean(page && xhr.responseURL && new URL(xhr.responseURL).pathname === page);
}

/** Over HTTPS a choice is kept under a name that only this very host can set; the server reads both. */
function named(name) {
  return window.location.protocol === "https:" ? `__Host-${name}` : name;
}

export function cookie(name) {
  const start = `${named(name)}=`;
  const found = document.cookie.split("; ").find((one) => one.startsWith(start));
  return found ? decodeURIComponent(found.slice(start.length)) : "";
}

/** A choice about this browser: in a cookie so that the server can use it, in storage so that tabs agree. */
export function keep(name, value) {
  const secure = window.location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `${named(name)}=${encodeURIComponent(value)}; Path=/; Max-Age=31536000; SameSite=Lax${secure}`;
  try {
    window.localStorage.setItem(name, value);
  } catch {
    // Storage may be switched off; the cookie is enough.
  }
}

/** Put what the server refused beside what was tried, once, and move there. */
export function showRefusal(note, near) {
  const place = near?.closest("form, .card > .bd, .panel > .pb, main") || document.getElementById("main");
  place.querySelectorAll(":scope > .refusal").forEach((old) => old.remove());
  place.prepend(note);
  note.tabIndex = -1;
  note.focus();
}
