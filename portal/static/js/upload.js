// Files: drop, paste or choose; a row per file with its stages, a bar and ways to pause and to stop.
//
// <form data-upload="/address" data-field="file" [data-tus="/address"] [data-mode="stream"] [data-later]
// [data-most="bytes"]>. With data-tus files go in pieces and go on after a break (pieces.js); else, and when the fields
// are too long for a header, each file is one request. With data-later files wait for the form's button, so that the
// fields beside them can be filled first. "stream" sends the file alone and the fields in a header. The server answers
// with a file row (templates/ui/file_row.html), with a redirect that is followed when all files are in, or a refusal.

import { size, rowOf } from "./filerow.js";
import { parsed } from "./trusted.js";
import { csrf, isSignIn, say } from "./ui.js";

const AT_ONCE = 2;
const FACTS_MOST = 6000;
const started = new WeakSet();

/** The form's fields, several values of one name with commas between them. */
function fieldsOf(form) {
  const found = {};
  for (const [name, value] of new FormData(form)) {
    if (typeof value !== "string" || !value || name === "csrfmiddlewaretoken") continue;
    found[name] = found[name] ? `${found[name]},${value}` : value;
  }
  return found;
}

/** The fields as JSON in base64url, or nothing when they are too long for a header. */
function factsOf(form) {
  const bytes = new TextEncoder().encode(JSON.stringify(fieldsOf(form)));
  const text = btoa([...bytes].map((byte) => String.fromCharCode(byte)).join(""));
  return text.length > FACTS_MOST ? "" : text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function messageOf(xhr) {
  const type = xhr.getResponseHeader("Content-Type") || "";
  if (type.includes("json")) {
    try {
      const body = JSON.parse(xhr.responseText);
      return body.detail ? `${body.title} ${body.detail}` : body.title;
    } catch {
      return "";
    }
  }
  if (type.includes("html")) {
    const note = parsed(xhr.responseText).querySelector(".refusal, .err, .facts");
    return note ? note.textContent.trim().replace(/\s+/g, " ") : "";
  }
  return xhr.responseText.slice(0, 300);
}

export function start(form) {
  if (started.has(form)) return;
  started.add(form);
  const input = form.querySelector("input[type=file]");
  const zone = form.querySelector("[data-drop]");
  const queue = form.querySelector("[data-queue]");
  const status = form.querySelector("[data-say]");
  const button = form.querySelector("button[type=submit]");
  const later = "later" in form.dataset;
  const inPieces = "tus" in form.dataset;
  const waiting = [];
  // Loaded with the first file, so that the page itself stays light.
  let pieces = null;
  let hashing = 0;
  let running = 0;
  let whole = 0;
  let next = "";
  let failures = 0;

  const tell = (text) => { if (status) status.textContent = text; else say(text); };

  /** What the button would send, and how much is ready; files that were refused are not counted. */
  function count() {
    const ready = waiting.filter((one) => one.hash !== null).length;
    const note = form.querySelector("[data-count]");
    const rows = queue.querySelectorAll("li.file").length;
    if (note) note.textContent = rows ? `${ready} of ${rows} ready` : "";
    if (!later || !button) return;
    button.dataset.words ||= button.textContent;
    const words = button.dataset.words;
    button.textContent = ready ? words.replace("Submit", `Submit ${ready} ${ready === 1 ? "file" : "files"}`) : words;
  }

  function failed(entry, message, short) {
    failures += 1;
    entry.row.fail(message);
    tell(`${entry.file.name} ${short}`);
    count();
  }

  async function hashOf(file, progress, signal) {
    try {
      const { digest } = await import("./digest.js");
      return await digest(file, form.dataset.hasher, progress, signal);
    } catch {
      return "";
    }
  }

  /** Hash first; what was begun before goes on at once, since what it is was said when it began. */
  async function prepare(entry) {
    const { file, row } = entry;
    row.show([], "Hashing", ["Send", "Check"]);
    const hashed = (done) => row.show([], `Hashing ${Math.floor((100 * done) / file.size)}%`, ["Send", "Check"]);
    pieces ||= await import("./pieces.js").catch(() => null);
    const hash = await hashOf(file, hashed, row.signal);
    if (row.signal.aborted) return;
    entry.hash = hash;
    entry.url = pieces?.unfinished(form, file, hash) || "";
    entry.wanted ||= Boolean(entry.url) || !later;
    row.show(entry.hash ? ["Hashed"] : [], "", ["Send", "Check"]);
    tell(`${file.name} is ready`);
    pump();
  }

  /** In pieces, with a row that can be paused; what the server can't take now may be tried again. */
  async function sendPieces(entry) {
    try {
      const url = await pieces.sent(entry, form, tell);
      if (url) next = url;
    } catch (error) {
      if (!error.again) {
        failed(entry, error.message, "was not accepted");
        return;
      }
      failures += 1;
      tell(`${entry.file.name} was not sent whole`);
      entry.row.halts(error.message, () => {
        failures -= 1;
        entry.url = entry.transfer.url;
        entry.transfer = null;
        waiting.push(entry);
        pump();
      });
    }
  }

  // -- in one request

  function body(file, hash, facts) {
    if (facts) return file;
    const data = new FormData(form);
    data.delete(input.name);
    data.append(form.dataset.field || input.name, file, file.name);
    if (hash) data.append("client_sha256", hash);
    return data;
  }

  async function sendWhole(entry) {
    const { file, row } = entry;
    if (entry.hash === null) {
      row.show([], "Hashing", ["Send", "Check"]);
      entry.hash = await hashOf(file, () => {}, row.signal);
    }
    const hash = entry.hash;
    const done = hash ? ["Hashed"] : [];
    const xhr = new XMLHttpRequest();
    row.stop.onclick = () => { xhr.abort(); row.element.remove(); tell(`${file.name} removed`); };
    xhr.upload.onprogress = (event) => row.sends(done, Math.min(event.loaded, file.size));
    xhr.upload.onload = () => {
      row.show([...done, "Sent"], "Checking");
      tell(`${file.name} sent, being checked`);
    };
    const finished = new Promise((resolve) => { xhr.onloadend = resolve; });
    xhr.open("POST", form.dataset.upload);
    for (const [name, value] of Object.entries({ ...csrf(), "HX-Request": "true" })) xhr.setRequestHeader(name, value);
    const facts = form.dataset.mode === "stream" ? factsOf(form) : "";
    if (facts) {
      xhr.setRequestHeader("Content-Type", "application/octet-stream");
      xhr.setRequestHeader("X-Evidence-Facts", facts);
      xhr.setRequestHeader("X-File-Type", file.type || "application/octet-stream");
      xhr.setRequestHeader("X-File-Name", encodeURIComponent(file.name));
      if (hash) xhr.setRequestHeader("X-Client-SHA256", hash);
    }
    tell(`Sending ${file.name}`);
    xhr.send(body(file, hash, facts));
    await finished;
    settle(entry, xhr, done);
  }

  function settle(entry, xhr, done) {
    const { file, row } = entry;
    if (!row.element.isConnected) return;
    if (xhr.status === 0) {
      failed(entry, "The connection broke. Nothing of this file was stored; add it again.", "was not sent");
      return;
    }
    if (isSignIn(xhr)) {
      failed(entry, "You are signed out, so nothing was stored. Sign in in another tab and add the file again.", "was not sent");
      return;
    }
    if (xhr.status >= 400) {
      failed(entry, messageOf(xhr) || `The portal refused the file (${xhr.status}). Nothing was stored.`, "was not accepted");
      return;
    }
    const target = xhr.getResponseHeader("HX-Redirect") || xhr.getResponseHeader("Location");
    const asked = new URL(form.dataset.upload, window.location.href).href;
    if (target) next = target;
    else if (xhr.responseURL && xhr.responseURL !== asked) next = xhr.responseURL;
    const given = parsed(xhr.responseText).querySelector("li.file");
    if (given) row.element.replaceWith(document.importNode(given, true));
    else row.stored([...done, "Sent", "Stored"]);
    tell(`${file.name} is stored`);
  }

  // -- both

  /** Send what is wanted and ready, two files at once. */
  function pump() {
    while (running < AT_ONCE) {
      const at = waiting.findIndex((one) => one.wanted && (!inPieces || one.hash !== null));
      if (at < 0) break;
      const [entry] = waiting.splice(at, 1);
      running += 1;
      const isPieces = Boolean(pieces?.prepared(entry, form, fieldsOf(form), tell, count));
      if (!isPieces) whole += 1;
      (isPieces ? sendPieces(entry) : sendWhole(entry)).finally(() => {
        running -= 1;
        if (!isPieces) whole -= 1;
        pump();
        count();
      });
    }
    count();
    if (!running && !waiting.length && !hashing && next && !failures) window.location.assign(next);
  }

  function add(files) {
    const most = Number(form.dataset.most || 0);
    for (const file of files) {
      const row = rowOf(file);
      const entry = { file, row, hash: null, url: "", transfer: null, wanted: !later };
      queue.append(row.element);
      row.stop.onclick = () => {
        const at = waiting.indexOf(entry);
        if (at >= 0) waiting.splice(at, 1);
        row.cancel();
        row.element.remove();
        count();
      };
      if (most && file.size > most) {
        row.fail(`The file has ${size(file.size)}; the limit is ${size(most)}. Nothing was sent.`);
        continue;
      }
      row.show([], "", ["Waits"]);
      waiting.push(entry);
      if (inPieces) {
        hashing += 1;
        prepare(entry).finally(() => { hashing -= 1; });
      }
    }
    if (!later && !inPieces) pump();
    count();
  }

  if (later) {
    input.required = false;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (!waiting.length && !running) tell("Choose a file first");
      failures = 0;
      // What is still being hashed is sent as soon as it is ready.
      for (const entry of waiting) entry.wanted = true;
      pump();
    });
  }

  if (document.querySelector("[data-unfinished]")) import("./pieces.js").then((loaded) => loaded.watchUnfinished(form, tell));
  input.addEventListener("change", () => { add(input.files); input.value = ""; });
  for (const name of ["dragenter", "dragover"]) {
    zone.addEventListener(name, (event) => { event.preventDefault(); zone.classList.add("over"); });
  }
  for (const name of ["dragleave", "drop"]) zone.addEventListener(name, () => zone.classList.remove("over"));
  zone.addEventListener("drop", (event) => { event.preventDefault(); add(event.dataTransfer.files); });
  document.addEventListener("paste", (event) => {
    if (form.isConnected && event.clipboardData?.files.length) add(event.clipboardData.files);
  });
  // What goes in pieces goes on after a reload; what goes in one request would be lost.
  window.addEventListener("beforeunload", (event) => { if (whole) event.preventDefault(); });
}
