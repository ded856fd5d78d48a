// The upload page: a queue of files, each hashed here when small enough, sent raw with its progress, and checked.
// Without this script the same form sends its files in one request.

const HASH_BYTES = 64 * 1024 * 1024;
const FACTS_BYTES = 6000;
const form = document.querySelector("form[data-evidence]");

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function size(count) {
  for (const [unit, word] of [[1e9, "GB"], [1e6, "MB"], [1e3, "KB"]]) {
    if (count >= unit) return `${(count / unit).toFixed(1)} ${word}`;
  }
  return `${count} bytes`;
}

async function sha256(file) {
  if (file.size > HASH_BYTES || !crypto.subtle) return "";
  const digest = await crypto.subtle.digest("SHA-256", await file.arrayBuffer());
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

class Row {
  constructor(file, queue) {
    this.file = file;
    this.stage = element("span", { className: "xs dim", textContent: "Waits to be sent" });
    this.bar = element("progress", { max: Math.max(file.size, 1), value: 0, hidden: true });
    this.bar.setAttribute("aria-label", file.name);
    this.remove = element("button", { type: "button", className: "btn s quiet", textContent: "Remove" });
    this.remove.setAttribute("aria-label", `Remove ${file.name}`);
    const head = element("span", { className: "min0 row" },
      element("b", { className: "m sm trunc", textContent: file.name }),
      element("span", { className: "xs dim nw", textContent: size(file.size) }));
    this.item = element("li", { className: "file" }, element("span", { className: "ic" }), head, this.remove,
      element("div", { className: "st stack xs" }, this.bar, this.stage));
    queue.append(this.item);
  }

  say(text, tone = "dim") {
    this.stage.className = tone === "dim" ? "xs dim" : `xs c-${tone}`;
    this.stage.textContent = text;
  }
}

function facts(file) {
  const values = {};
  for (const [name, value] of new FormData(form)) {
    if (typeof value === "string" && value && name !== "csrfmiddlewaretoken") values[name] = value;
  }
  return { ...values, filename: file.name };
}

function encoded(values) {
  const bytes = new TextEncoder().encode(JSON.stringify(values));
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""))
    .replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

function send(row, digest) {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    const values = facts(row.file);
    const header = encoded(values);
    request.open("POST", form.dataset.evidence);
    request.setRequestHeader("Accept", "application/json");
    request.setRequestHeader("X-CSRFToken", form.elements.csrfmiddlewaretoken.value);
    if (digest) request.setRequestHeader("X-SHA256", digest);
    let body = row.file;
    if (header.length <= FACTS_BYTES) {
      request.setRequestHeader("Content-Type", "application/octet-stream");
      request.setRequestHeader("X-File-Type", row.file.type || "application/octet-stream");
      request.setRequestHeader("X-Evidence-Facts", header);
    } else {
      body = new FormData();
      for (const [name, value] of Object.entries(values)) body.append(name, value);
      body.append("file", row.file);
    }
    const started = performance.now();
    request.upload.onprogress = (event) => {
      row.bar.hidden = false;
      row.bar.value = event.loaded;
      const seconds = Math.max((performance.now() - started) / 1000, 0.1);
      row.say(`${size(event.loaded)} of ${size(row.file.size)}, ${size(event.loaded / seconds)}/s`);
    };
    request.onload = () => {
      let answer = {};
      try { answer = JSON.parse(request.responseText); } catch { answer = {}; }
      resolve({ status: request.status, answer });
    };
    request.onerror = () => resolve({ status: 0, answer: {} });
    request.send(body);
  });
}

function refused(status, answer) {
  if (status === 0) return "The connection broke. Nothing of this file was kept; send it again.";
  const fields = Object.entries(answer.errors || {}).map(([name, words]) => `${name}: ${words.join(" ")}`);
  return [answer.title || `The server answered ${status}.`, ...fields, answer.detail || ""].filter(Boolean).join(" ");
}

function start() {
  const queue = form.querySelector("[data-queue]");
  const status = form.querySelector("[data-say]");
  const input = form.querySelector("input[type=file]");
  const button = form.querySelector("button[type=submit]");
  let rows = [];

  const add = (files) => {
    for (const file of files) {
      if (!input.multiple) { rows.forEach((row) => row.item.remove()); rows = []; }
      const row = new Row(file, queue);
      row.remove.addEventListener("click", () => { row.item.remove(); rows = rows.filter((one) => one !== row); });
      if (file.size > Number(form.dataset.most)) { row.say("Larger than your organization allows.", "crit"); row.skip = true; }
      rows.push(row);
    }
    input.value = "";
    input.required = rows.length === 0;
    status.textContent = `${rows.length} files wait to be sent`;
  };

  input.addEventListener("change", () => add(input.files));
  const drop = form.querySelector("[data-drop]");
  drop.addEventListener("dragover", (event) => event.preventDefault());
  drop.addEventListener("drop", (event) => { event.preventDefault(); add(event.dataTransfer.files); });
  document.addEventListener("paste", (event) => { if (event.clipboardData.files.length) add(event.clipboardData.files); });

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const waiting = rows.filter((row) => !row.done && !row.skip);
    if (!waiting.length) { status.textContent = "Choose a file first."; input.focus(); return; }
    button.disabled = true;
    let last = "";
    for (const row of waiting) {
      row.remove.hidden = true;
      row.say("Hashing");
      const digest = await sha256(row.file);
      row.say("Sending");
      const { status: code, answer } = await send(row, digest);
      if (code === 201) {
        row.done = true;
        last = answer.url;
        row.bar.hidden = true;
        row.say(`${answer.ref}: sealed${digest ? ", hash matches" : ""}. ${(answer.notes || []).join(" ")}`, "ok");
      } else {
        row.remove.hidden = false;
        row.bar.hidden = true;
        row.say(refused(code, answer), "crit");
      }
      status.textContent = `${row.file.name}: ${row.stage.textContent}`;
    }
    button.disabled = false;
    if (rows.every((row) => row.done)) location.assign(rows.length === 1 ? last : form.dataset.evidence.replace(/upload$/, ""));
  });
}

if (form) start();
