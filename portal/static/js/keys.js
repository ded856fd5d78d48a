// Keyboard shortcuts. Single keys can be switched off, never fire while typing, and approving has none.

import { cookie, keep, say } from "./ui.js";

const PREFIX_MS = 1500;
let prefix = 0;

const isOn = () => cookie("keys") !== "off";

function isTyping(target) {
  return target instanceof Element && Boolean(target.closest("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]"));
}

function go(letter) {
  const link = document.querySelector(`a[data-go="${CSS.escape(letter)}"]`);
  if (link) link.click();
  return Boolean(link);
}

function press(key) {
  if (key === "/") {
    const field = document.querySelector("[data-filter]");
    field?.focus();
    return Boolean(field);
  }
  if (key === "?") {
    const help = document.getElementById("help");
    if (help && !help.open) help.showModal();
    return Boolean(help);
  }
  if (key === "[" || key === "]") {
    const link = document.querySelector(key === "[" ? 'a[rel~="prev"]' : 'a[rel~="next"]');
    link?.click();
    return Boolean(link);
  }
  if (!/^[a-z]$/.test(key)) return false;
  const control = [...document.querySelectorAll(`[data-key="${key}"]`)].find((one) => one.checkVisibility());
  control?.click();
  return Boolean(control);
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    const form = event.target instanceof Element && event.target.closest("form");
    // A decision is made by a button, never by a shortcut.
    if (form && !form.querySelector('[name="verdict"]')) {
      event.preventDefault();
      form.requestSubmit();
    }
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || !isOn()) return;
  if (isTyping(event.target) || document.querySelector("dialog[open]")) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (prefix && event.timeStamp - prefix < PREFIX_MS) {
    prefix = 0;
    if (go(key)) event.preventDefault();
    return;
  }
  if (key === "g" && !(event.target instanceof Element && event.target.closest("[data-heat]"))) {
    prefix = event.timeStamp;
    return;
  }
  if (!event.shiftKey || key === "?") {
    if (press(key)) event.preventDefault();
  }
});

const toggle = document.querySelector("[data-keys]");
if (toggle) {
  toggle.checked = isOn();
  toggle.addEventListener("change", () => {
    keep("keys", toggle.checked ? "on" : "off");
    say(toggle.checked ? "Single-key shortcuts are on" : "Single-key shortcuts are off");
  });
}
