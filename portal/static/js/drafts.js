// Drafts of long forms: kept in this tab while the session ends and begins again, for the account that typed them.
// They are gone when the form was sent, when its writer signs out, and when another account signs in.

import { toast } from "./ui.js";

const PREFIX = "draft:";
const AWAY = `${PREFIX}away`;
const account = document.body.dataset.account || "";

function store(act) {
  try {
    return act(window.sessionStorage);
  } catch {
    return null; // storage may be switched off or full; the form works without it
  }
}

const keys = () => store((kept) => Object.keys(kept).filter((key) => key.startsWith(PREFIX))) || [];
const drop = (key) => store((kept) => kept.removeItem(key));
const read = (key) => store((kept) => JSON.parse(kept.getItem(key) || "null"));
const write = (key, draft) => store((kept) => kept.setItem(key, JSON.stringify(draft)));

const fieldsOf = (form) => [...form.querySelectorAll("textarea[name], input[type=text][name], input:not([type])[name]")]
  .filter((field) => !["code", "passkey"].includes(field.name) && field.autocomplete !== "one-time-code");

function follow(form, key) {
  const fields = fieldsOf(form);
  form.addEventListener("input", () => {
    const values = Object.fromEntries(fields.filter((field) => field.value !== field.defaultValue).map((field) => [field.name, field.value]));
    if (Object.keys(values).length) write(key, { at: Date.now(), values, sent: false });
    else drop(key);
  });
  form.addEventListener("submit", () => {
    const draft = read(key);
    if (draft) write(key, { ...draft, sent: true });
  });
}

function restore(form, key, draft) {
  const changed = fieldsOf(form).filter((field) => draft.values[field.name] && field.value === field.defaultValue && field.value !== draft.values[field.name]);
  if (!changed.length) return;
  for (const field of changed) field.value = draft.values[field.name];
  write(key, { ...draft, sent: false });
  const run = () => {
    for (const field of changed) field.value = field.defaultValue;
    drop(key);
  };
  toast("What you had typed here is back.", "info", { word: "Discard it", run });
}

// For a field that was typed into before this part was there.
export function note(field) {
  field.form?.dispatchEvent(new Event("input"));
}

function start() {
  if (!account) {
    store((kept) => kept.setItem(AWAY, "1"));
    return;
  }
  const mine = `${PREFIX}${account}:`;
  const wasAway = store((kept) => kept.getItem(AWAY)) === "1";
  drop(AWAY);
  for (const key of keys()) if (!key.startsWith(mine)) drop(key);
  const wasRefused = Boolean(document.querySelector("main [data-errors], main .err"));
  const here = new Set();
  const forms = [...document.querySelectorAll("main form[method=post]")].filter((form) => form.querySelector("textarea"));
  for (const [index, form] of forms.entries()) {
    const key = `${mine}${new URL(form.action).pathname}:${index}`;
    here.add(key);
    const draft = read(key);
    if (draft && (!draft.sent || wasAway || wasRefused)) restore(form, key, draft);
    else if (draft) drop(key);
    follow(form, key);
  }
  for (const key of keys()) if (!here.has(key) && read(key)?.sent && !wasAway) drop(key);
  for (const form of document.querySelectorAll("form[action$='/signout']")) {
    form.addEventListener("submit", () => keys().forEach(drop));
  }
}

start();
