// Files: drop, paste or choose; one request per file, a row per file with its stages, a bar and a way to stop.
//
// <form data-upload="/address" data-field="file" [data-mode="stream"] [data-later] [data-most="bytes"]>. With
// data-later files wait for the form's button, so that the fields beside them can be filled first. "stream" sends the
// file alone and the fields in a header, unless they are too long for one. The server answers with
// a file row (templates/ui/file_row.html), with a redirect that is followed when all files are in, or with a refusal.

import { csrf, icon, isSignIn, make, parsed, say } from "./ui.js";

const HASH_MOST = 64 * 1024 * 1024;
const AT_ONCE = 2;
const FACTS_MOST = 6000;
const started = new WeakSet();

function size(bytes) {
  const units = [["GB", 1e9], ["MB", 1e6], ["KB", 1e3]];
  const unit = units.find(([, many]) => bytes >= many);
  return unit ? `${(bytes / unit[1]).toFixed(1).replace(/\.0$/, "")} ${unit[0]}` : `${bytes} bytes`;
}

async function digest(file) {
  if (!window.crypto?.subtle || file.size > HASH_MOST) return "";
  const bytes = await window.crypto.subtle.digest("SHA-256", await file.arrayBuffer());
  return [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The form's fields as JSON in base64url, or nothing when they are too long for a header. */
function factsOf(form) {
  const told = [...new FormData(form)].filter(([name, value]) => typeof value === "string" && value && name !== "csrfmiddlewaretoken");
  const bytes = new TextEncoder().encode(JSON.stringify(Object.fromEntries(told)));
  const text = btoa([...bytes].map((byte) => String.fromCharCode(byte)).join(""));
  return text.length > FACTS_MOST ? "" : text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** The row of one file while it travels. */
function rowOf(file) {
  const bar = make("progress", { max: file.size || 1, value: 0, "aria-label": `${file.name}, sent` });
  const stages = make("div", { class: "pipe" });
  const speed = make("span", { class: "xs dim num hide-m" });
  const stop = make("button", { class: "btn s quiet ico", type: "button", "aria-label": `Remove ${file.name}` }, icon("x"));
  const below = make("div", { class: "st stack xs" }, bar, stages);
  const element = make("li", { class: "file" },
    make("span", { class: "ic" }, icon("file", "")),
    make("span", { class: "min0 row" }, make("b", { class: "m sm trunc" }, file.name),
      make("span", { class: "xs dim nw num" }, size(file.size))),
    make("span", { class: "row" }, speed, stop), below);

  const show = (done, now, later = []) => stages.replaceChildren(
    ...done.map((word) => make("span", { class: "d" }, icon("check"), word)),
    ...(now ? [make("span", { class: "n" }, icon("loader-circle"), now)] : []),
    ...later.map((word) => make("span", {}, word)));
  const fail = (message) => {
    bar.remove();
    stages.remove();
    speed.remove();
    below.replaceChildren(make("p", { class: "err" }, icon("circle-x"), make("span", {}, message)));
  };
  return { element, bar, speed, stop, show, fail };
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
  const later = "later" in form.dataset;
  const waiting = [];
  let running = 0;
  let next = "";
  let failures = 0;

  const tell = (text) => { if (status) status.textContent = text; else say(text); };

  function body(file, hash, facts) {
    if (facts) return file;
    const data = new FormData(form);
    data.delete(input.name);
    data.append(form.dataset.field || input.name, file, file.name);
    if (hash) data.append("client_sha256", hash);
    return data;
  }

  async function send({ file, row }) {
    row.show([], "Hashing", ["Send", "Check"]);
    const hash = await digest(file).catch(() => "");
    const done = hash ? ["Hashed"] : [];
    const begun = performance.now();
    const xhr = new XMLHttpRequest();
    row.stop.onclick = () => { xhr.abort(); row.element.remove(); tell(`${file.name} removed`); };
    xhr.upload.onprogress = (event) => {
      const percent = Math.floor((100 * event.loaded) / Math.max(event.total, 1));
      row.bar.max = event.total;
      row.bar.value = event.loaded;
      const rate = event.loaded / Math.max((performance.now() - begun) / 1000, 0.001);
      row.speed.textContent = `${size(Math.round(rate))}/s, ${Math.ceil((event.total - event.loaded) / rate)} s`;
      row.show(done, `Sending ${percent}%`, ["Check"]);
    };
    xhr.upload.onload = () => {
      row.speed.textContent = "";
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
    settle(file, row, xhr, done);
  }

  function settle(file, row, xhr, done) {
    if (!row.element.isConnected) return;
    if (xhr.status === 0) {
      failures += 1;
      row.fail("The connection broke. Nothing of this file was stored; add it again.");
      return tell(`${file.name} was not sent`);
    }
    if (isSignIn(xhr)) {
      failures += 1;
      row.fail("You are signed out, so nothing was stored. Sign in in another tab and add the file again.");
      return tell(`${file.name} was not sent`);
    }
    if (xhr.status >= 400) {
      failures += 1;
      row.fail(messageOf(xhr) || `The portal refused the file (${xhr.status}). Nothing was stored.`);
      return tell(`${file.name} was not accepted`);
    }
    const target = xhr.getResponseHeader("HX-Redirect") || xhr.getResponseHeader("Location");
    const asked = new URL(form.dataset.upload, window.location.href).href;
    if (target) next = target;
    else if (xhr.responseURL && xhr.responseURL !== asked) next = xhr.responseURL;
    const given = parsed(xhr.responseText).querySelector("li.file");
    if (given) row.element.replaceWith(document.importNode(given, true));
    else {
      row.bar.value = row.bar.max;
      row.stop.remove();
      row.show([...done, "Sent", "Stored"], "");
    }
    return tell(`${file.name} is stored`);
  }

  async function pump() {
    while (running < AT_ONCE && waiting.length) {
      running += 1;
      send(waiting.shift()).finally(() => {
        running -= 1;
        pump();
      });
    }
    if (!running && !waiting.length && next && !failures) window.location.assign(next);
  }

  function add(files) {
    const most = Number(form.dataset.most || 0);
    for (const file of files) {
      const row = rowOf(file);
      queue.append(row.element);
      row.stop.onclick = () => {
        const at = waiting.findIndex((one) => one.row === row);
        if (at >= 0) waiting.splice(at, 1);
        row.element.remove();
      };
      if (most && file.size > most) row.fail(`The file has ${size(file.size)}; the limit is ${size(most)}. Nothing was sent.`);
      else {
        row.show([], "", ["Waits"]);
        waiting.push({ file, row });
      }
    }
    if (!later) pump();
  }

  if (later) {
    input.required = false;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (!waiting.length && !running) tell("Choose a file first");
      failures = 0;
      pump();
    });
  }

  input.addEventListener("change", () => { add(input.files); input.value = ""; });
  for (const name of ["dragenter", "dragover"]) {
    zone.addEventListener(name, (event) => { event.preventDefault(); zone.classList.add("over"); });
  }
  for (const name of ["dragleave", "drop"]) zone.addEventListener(name, () => zone.classList.remove("over"));
  zone.addEventListener("drop", (event) => { event.preventDefault(); add(event.dataTransfer.files); });
  document.addEventListener("paste", (event) => {
    if (form.isConnected && event.clipboardData?.files.length) add(event.clipboardData.files);
  });
  window.addEventListener("beforeunload", (event) => { if (running) event.preventDefault(); });
}
