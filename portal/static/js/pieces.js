// Files of a form in pieces (tus.js): their rows, where an unfinished one stands, what became of a finished one.

import { settled } from "./filerow.js";
import { Transfer, metadata } from "./tus.js";
import { csrf } from "./ui.js";

/** Where an unfinished upload of a file stands, remembered per person in this browser. */
function memory(form, file) {
  const name = ["upload", form.dataset.owner, form.dataset.tus, file.name, file.size, file.lastModified].join("|");
  const tried = (act) => {
    try {
      return act() || "";
    } catch {
      return "";
    }
  };
  return {
    read: () => tried(() => window.localStorage.getItem(name)),
    keep: (url) => tried(() => window.localStorage.setItem(name, url)),
    forget: () => tried(() => window.localStorage.removeItem(name)),
  };
}

const listed = () => [...document.querySelectorAll("[data-unfinished]")];

/** The address of an unfinished upload of this file: remembered here, or listed by the server for the same content. */
export function unfinished(form, file, hash) {
  const isIt = ({ size, sha256, name }) => Number(size) === file.size && (sha256 ? sha256 === hash : name === file.name);
  return memory(form, file).read() || listed().find((one) => isIt(one.dataset))?.dataset.unfinished || "";
}

/** The transfer of a file, with its row's buttons; nothing when what is told is too long for a header. */
export function prepared(entry, form, fields, tell, changed) {
  const { file, row, hash } = entry;
  const kept = memory(form, file);
  const begin = metadata({ filename: file.name, filetype: file.type, sha256: hash, ...fields });
  if (!begin) return null;
  const done = hash ? ["Hashed"] : [];
  const on = (what, value, isLast) => {
    if (what === "begun") kept.keep(value);
    else if (what === "paused") row.paused(done, entry.transfer.offset);
    else if (what === "waiting") {
      row.waits(done, entry.transfer.offset, value);
      tell(`${file.name} waits: ${value}`);
    } else if (isLast) row.show([...done, "Sent"], "Checking");
    else row.sends(done, value);
  };
  entry.transfer = new Transfer(file, { endpoint: form.dataset.tus, headers: csrf, hash, url: entry.url, begin, on });
  row.stop.onclick = async () => {
    row.element.remove();
    kept.forget();
    await entry.transfer.remove();
    tell(`${file.name} removed`);
    changed();
  };
  row.offerPause((paused) => {
    if (paused) entry.transfer.pause();
    else entry.transfer.resume();
    tell(`${file.name} ${paused ? "paused" : "goes on"}`);
  });
  return entry.transfer;
}

/** Send a prepared file; the address of the evidence it became, or nothing when it was removed meanwhile. */
export async function sent({ file, row, hash, transfer }, form, tell) {
  row.sends(hash ? ["Hashed"] : [], 0);
  listed().filter((one) => one.dataset.unfinished === transfer.url).forEach(drop);
  tell(`Sending ${file.name}`);
  const ref = await transfer.run();
  if (!ref) return "";
  memory(form, file).forget();
  await settled(row, file, ref, hash, form);
  tell(`${file.name} is stored as ${ref}`);
  return form.dataset.evidence.replace("E-0", ref);
}

function drop(one) {
  const list = one.closest("[data-unfinished-list]");
  one.remove();
  if (list && !list.querySelector("[data-unfinished]")) list.hidden = true;
}

/** The buttons that remove what the server lists as unfinished. */
export function watchUnfinished(form, tell) {
  for (const one of listed()) {
    one.querySelector("button").addEventListener("click", async () => {
      const headers = { ...csrf(), "Tus-Resumable": "1.0.0" };
      const answer = await fetch(one.dataset.unfinished, { method: "DELETE", headers }).catch(() => null);
      if (!answer || (answer.status >= 300 && ![404, 410].includes(answer.status))) {
        tell(`${one.dataset.name} could not be removed; try again`);
        return;
      }
      tell(`${one.dataset.name} removed`);
      drop(one);
      form.querySelector("input[type=file]").focus();
    });
  }
}
