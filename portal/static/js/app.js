// What every page needs; each works as plain HTML, too.

import { parsed } from "./trusted.js";
import { cookie, csrf, icon, isSignIn, keep, make, say, showRefusal, toast } from "./ui.js";
import "./keys.js";

// -- theme

function applyTheme(theme) {
  const root = document.documentElement;
  if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  else delete root.dataset.theme;
  for (const button of document.querySelectorAll("[data-theme-form] button")) {
    button.setAttribute("aria-pressed", String(button.value === (theme || "auto")));
  }
}

function startTheme() {
  let stored = "";
  try {
    stored = window.localStorage.getItem("theme") || "";
  } catch {
    stored = "";
  }
  if (stored && !cookie("theme")) {
    keep("theme", stored);
    applyTheme(stored);
  }
  for (const form of document.querySelectorAll("[data-theme-form]")) {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const theme = event.submitter?.value || "auto";
      keep("theme", theme);
      applyTheme(theme);
      say(`Theme: ${event.submitter?.textContent.trim() || "system"}`);
    });
  }
  window.addEventListener("storage", (event) => {
    if (event.key === "theme") applyTheme(event.newValue || "auto");
  });
}

// -- dialogs, popovers, copy

function open(id) {
  const dialog = document.getElementById(id);
  if (!(dialog instanceof HTMLDialogElement) || dialog.open) return;
  document.querySelectorAll(":popover-open").forEach((one) => one.hidePopover());
  dialog.showModal();
  dialog.dispatchEvent(new CustomEvent("opened"));
}

document.addEventListener("click", async (event) => {
  const target = event.target instanceof Element ? event.target : null;
  if (!target) return;
  const opener = target.closest("[data-open]");
  if (opener) open(opener.dataset.open);
  if (target instanceof HTMLDialogElement && target.id) target.close();
  const refused = target.closest('[aria-disabled="true"]');
  if (refused) {
    event.preventDefault();
    const why = document.getElementById(refused.getAttribute("aria-describedby") || "");
    if (why) say(why.textContent.trim().replace(/\s+/g, " "));
  }
  const copier = target.closest("[data-copy]");
  if (copier) {
    try {
      await navigator.clipboard.writeText(copier.dataset.copy);
      copier.replaceChildren(icon("check"));
      say("Copied");
      window.setTimeout(() => copier.replaceChildren(icon("copy")), 2000);
    } catch {
      toast("The browser did not allow copying. Select the text instead.", "warn");
    }
  }
});

document.addEventListener("toggle", (event) => {
  const menu = event.target;
  if (!(menu instanceof HTMLElement) || !menu.matches("[data-anchored]") || event.newState !== "open") return;
  const opener = document.querySelector(`[popovertarget="${menu.id}"]`);
  if (!opener) return;
  const box = opener.getBoundingClientRect();
  const left = Math.max(8, Math.min(box.left, window.innerWidth - menu.offsetWidth - 8));
  const under = box.bottom + 4 + menu.offsetHeight < window.innerHeight;
  menu.style.inset = "auto";
  menu.style.margin = "0";
  menu.style.left = `${left}px`;
  menu.style.top = `${under ? box.bottom + 4 : Math.max(8, box.top - 4 - menu.offsetHeight)}px`;
}, true);

document.addEventListener("keydown", (event) => {
  if (event.key === "k" && (event.ctrlKey || event.metaKey) && document.getElementById("palette")) {
    event.preventDefault();
    open("palette");
  }
});

// -- fragments (htmx)

function settle(element) {
  if (!(element instanceof Element)) return;
  const first = (selector) => (element.matches(selector) ? element : element.querySelector(selector));
  const errors = first("[data-errors]");
  const focus = first("[data-focus]");
  if (errors) errors.focus();
  else if (focus) {
    focus.tabIndex = -1;
    focus.focus();
  }
  const announced = first("[data-announce]");
  if (announced) say(announced.dataset.announce);
  enhance(element);
}

document.addEventListener("htmx:beforeSwap", (event) => {
  const { xhr, elt } = event.detail;
  if (isSignIn(xhr)) {
    event.detail.shouldSwap = false;
    const run = () => window.open(document.body.dataset.signin, "_blank", "noopener");
    toast("You are signed out. Sign in in another tab; what you typed is still here.", "warn", { word: "Sign in", run });
    return;
  }
  if (xhr.status < 400) return;
  const note = parsed(xhr.responseText).querySelector(".refusal");
  if (!note) return;
  event.detail.shouldSwap = false;
  event.detail.isError = false;
  showRefusal(document.importNode(note, true), elt);
});
document.addEventListener("htmx:afterSettle", (event) => settle(event.detail.elt));
document.addEventListener("htmx:responseError", (event) => {
  const status = event.detail.xhr.status;
  if (status === 401) toast("You are signed out. Sign in again; what you typed is still here.", "warn");
  else toast(`That did not work (${status}). Nothing was changed.`, "crit");
});
for (const name of ["htmx:sendError", "htmx:timeout"]) {
  document.addEventListener(name, () => toast("No answer from the portal. Nothing was changed; try again.", "crit"));
}
window.addEventListener("offline", () => toast("You are offline. What you typed is kept on this page.", "warn"));
window.addEventListener("online", () => toast("You are online again."));

// -- the session's end

const WARN = 120;

function startSession() {
  const { session, idle, ends, keep: address } = document.body.dataset;
  if (!session || !address) return;
  const absolute = Date.now() + Number(ends || session) * 1000;
  let deadline = Date.now() + Number(session) * 1000;
  let dialog = null;
  // An end that can't be put off any further is announced once, not every second.
  let answered = 0;

  const extend = () => { deadline = Math.min(Date.now() + Number(idle || session) * 1000, absolute); };
  document.addEventListener("htmx:afterOnLoad", extend);

  const warn = () => {
    const stay = make("button", { class: "btn pri", type: "button" }, "Stay signed in");
    const text = make("p", { class: "sm", id: "session-text" });
    dialog = make("dialog", { "aria-labelledby": "session-title", "aria-describedby": "session-text" },
      make("div", { class: "hd" }, make("h2", { id: "session-title" }, "You will be signed out soon")),
      make("div", { class: "bd" }, text), make("div", { class: "ft" }, stay));
    stay.addEventListener("click", async () => {
      try {
        const answer = await fetch(address, { method: "POST", headers: csrf(), credentials: "same-origin" });
        if (!answer.ok) throw new Error(String(answer.status));
        extend();
        answered = deadline;
        dialog.close();
      } catch {
        text.textContent = "The portal could not extend the session. Copy what you typed, then sign in again.";
      }
    });
    dialog.addEventListener("close", () => { dialog.remove(); dialog = null; });
    document.body.append(dialog);
    dialog.showModal();
  };

  const tick = () => {
    const left = Math.round((deadline - Date.now()) / 1000);
    if (!dialog && (left <= 0 || (left <= WARN && deadline !== answered))) warn();
    const text = dialog?.querySelector("#session-text");
    if (text && left > 0) {
      const words = left > 60 ? `${Math.ceil(left / 60)} minutes` : `${left} seconds`;
      if (left > 60 || left % 10 === 0) text.textContent = `Nothing happened for a while. In ${words} you are signed out. What you typed stays on this page.`;
    } else if (text) {
      dialog.querySelector("h2").textContent = "You are signed out";
      text.textContent = "Open the portal in another tab and sign in there; then come back and send. What you typed is still here.";
      dialog.querySelector(".btn").textContent = "I have signed in again";
      return;
    }
    window.setTimeout(tick, 1000);
  };
  window.setTimeout(tick, Math.max(0, (Number(session) - WARN) * 1000));
}

// -- parts that only some pages have

const PARTS = [
  ["[data-table]", () => import("./table.js")],
  ["[data-heat]", () => import("./heat.js")],
  ["[data-upload]", () => import("./upload.js")],
  ["[data-verify]", () => import("./verify.js")],
  ["[data-passkey]", () => import("./passkey.js")],
];

// Drafts need their part once there is one, or once something is typed.
function startDrafts() {
  try {
    if (Object.keys(window.sessionStorage).some((key) => key.startsWith("draft:"))) import("./drafts.js");
    else document.addEventListener("input", async (event) => (await import("./drafts.js")).note(event.target), { once: true });
  } catch { /* no storage, no drafts */ }
}

async function enhance(root) {
  for (const [selector, load] of PARTS) {
    const found = [...(root.matches?.(selector) ? [root] : []), ...root.querySelectorAll(selector)];
    if (!found.length) continue;
    const part = await load();
    found.forEach((element) => part.start(element));
  }
}

startTheme();
startSession();
startDrafts();
enhance(document.body);
const palette = document.getElementById("palette");
if (palette) palette.addEventListener("opened", async () => (await import("./palette.js")).start(palette));
const errors = document.querySelector("main [data-errors]");
if (errors) errors.focus();
document.documentElement.dataset.ready = "";
