// A file in pieces of 8 MB by tus 1.0: begun, paused, gone on with after a reload, a break or a restart of the server.
//
// What came is kept for seven days. Each piece carries its SHA-256, so that a piece that was damaged on the way is sent
// again. Errors that pass by themselves are waited out; those that do not are thrown as Failed, with words.

const PIECE = 8 * 1024 * 1024;
const VERSION = { "Tus-Resumable": "1.0.0" };
const WAITS = [1, 2, 4, 8, 15, 30];
const DIFFERENT_MOST = 3;
const TOLD_MOST = 6000;

export class Failed extends Error {}
class Passing extends Error {}
class Aborted extends Error {}

/** The metadata header, or nothing when what is told is too long for one. */
export function metadata(told) {
  const pairs = Object.entries(told).filter(([, text]) => text).map(([name, text]) => {
    const bytes = new TextEncoder().encode(text);
    let binary = "";
    for (const byte of bytes) binary += String.fromCharCode(byte);
    return `${name} ${btoa(binary)}`;
  });
  const text = pairs.join(",");
  return text.length > TOLD_MOST ? "" : text;
}

function told(header, name) {
  const pair = (header || "").split(",").find((one) => one.startsWith(`${name} `));
  return pair ? atob(pair.slice(name.length + 1)) : "";
}

async function checksum(piece) {
  if (!window.crypto?.subtle) return {};
  const digest = new Uint8Array(await window.crypto.subtle.digest("SHA-256", await piece.arrayBuffer()));
  return { "Upload-Checksum": `sha256 ${btoa(String.fromCharCode(...digest))}` };
}

function problemOf(xhr) {
  try {
    const body = JSON.parse(xhr.responseText);
    return [body.title, body.detail].filter(Boolean).join(" ");
  } catch {
    return "";
  }
}

function codeOf(xhr) {
  try {
    return JSON.parse(xhr.responseText).code;
  } catch {
    return "";
  }
}

export class Transfer {
  /** `begin` is what the creation says; `url` is where an earlier try stands. `on(what, …)` hears of all that happens. */
  constructor(file, { endpoint, headers, hash, begin, url = "", on }) {
    Object.assign(this, { file, endpoint, headers, hash, begin, url, on });
    this.offset = 0;
    this.evidence = "";
    this.paused = false;
    this.wake = () => {};
    this.abort = () => {};
  }

  pause() {
    this.paused = true;
    this.abort();
    this.wake();
  }

  resume() {
    this.paused = false;
    this.wake();
  }

  /** Stops, and removes what had come. */
  async remove() {
    this.removed = true;
    this.abort();
    this.wake();
    if (this.url) await this.#ask("DELETE", this.url).catch(() => {});
  }

  /** Sends until the evidence is recorded; gives its reference, or nothing when it was removed meanwhile. */
  async run() {
    let tries = 0;
    let known = false;
    while (!this.removed && !this.evidence) {
      if (this.paused) {
        this.on("paused");
        await new Promise((resolve) => { this.wake = resolve; });
        known = false;
        continue;
      }
      try {
        if (!known) await this.#locate();
        known = true;
        if (!this.evidence) await this.#send();
        tries = 0;
      } catch (error) {
        known = false;
        if (error instanceof Aborted) continue;
        if (!(error instanceof Passing)) throw error;
        this.on("waiting", error.message);
        await this.#rest(WAITS[Math.min(tries, WAITS.length - 1)]);
        tries += 1;
      }
    }
    return this.evidence;
  }

  /** Where the upload stands; begun anew when there is none, or when it is of another file. */
  async #locate() {
    if (this.url) {
      const xhr = await this.#ask("HEAD", this.url);
      const theirs = told(xhr.getResponseHeader("Upload-Metadata"), "sha256");
      const fits = Number(xhr.getResponseHeader("Upload-Length")) === this.file.size && (!theirs || !this.hash || theirs === this.hash);
      if (xhr.status < 300 && fits) return this.#stands(xhr);
      if (xhr.status >= 300 && ![404, 410].includes(xhr.status)) throw this.#refusal(xhr);
      this.url = "";
    }
    const xhr = await this.#ask("POST", this.endpoint, { "Upload-Length": String(this.file.size), "Upload-Metadata": this.begin });
    if (xhr.status !== 201) throw this.#refusal(xhr);
    this.url = xhr.getResponseHeader("Location");
    this.on("begun", this.url);
    return this.#stands(xhr);
  }

  #stands(xhr) {
    this.offset = Number(xhr.getResponseHeader("Upload-Offset"));
    this.evidence = xhr.getResponseHeader("Clearhold-Evidence") || "";
    this.on("at", this.offset);
  }

  async #send() {
    const piece = this.file.slice(this.offset, this.offset + PIECE);
    let headers;
    try {
      headers = await checksum(piece);
    } catch {
      throw new Failed("The file can't be read any more: it was moved or changed. What was sent is kept for 7 days; choose it again.");
    }
    if (this.removed || this.paused) return;
    const from = this.offset;
    const xhr = await this.#ask("PATCH", this.url, {
      ...headers, "Upload-Offset": String(from), "Content-Type": "application/offset+octet-stream",
    }, piece, (sent) => this.on("at", from + sent, from + piece.size === this.file.size && sent >= piece.size));
    if (xhr.status === 460 && (this.different = (this.different || 0) + 1) < DIFFERENT_MOST) return;
    if (xhr.status === 409 && ["offset_differs", "recorded"].includes(codeOf(xhr))) {
      throw new Passing("The server is somewhere else in the file.");
    }
    if (xhr.status >= 300) throw this.#refusal(xhr);
    this.different = 0;
    this.#stands(xhr);
  }

  #refusal(xhr) {
    if (xhr.status === 0) return new Passing("No connection.");
    if ([429, 500, 502, 503, 504].includes(xhr.status)) return new Passing("The server is busy or restarting.");
    if (xhr.status === 401 || xhr.status === 403) {
      return new Failed("You are signed out. What was sent is kept for 7 days: sign in and choose the file again, and it goes on from there.");
    }
    const words = problemOf(xhr) || `The portal refused the file (${xhr.status}).`;
    const error = new Failed(words);
    error.again = xhr.status === 507;
    return error;
  }

  async #rest(seconds) {
    await new Promise((resolve) => {
      const timer = window.setTimeout(resolve, seconds * 1000);
      this.wake = () => { window.clearTimeout(timer); resolve(); };
      window.addEventListener("online", this.wake, { once: true });
    });
  }

  #ask(method, url, headers = {}, body = null, sent = null) {
    return new Promise((resolve, reject) => {
      const xhr = new XMLHttpRequest();
      let stopped = false;
      this.abort = () => {
        stopped = true;
        xhr.abort();
      };
      xhr.open(method, url);
      for (const [name, value] of Object.entries({ ...this.headers(), ...VERSION, ...headers })) xhr.setRequestHeader(name, value);
      if (sent) xhr.upload.onprogress = (event) => sent(event.loaded);
      xhr.onloadend = () => {
        if (stopped) reject(new Aborted());
        else if (xhr.status === 0) reject(new Passing("No connection."));
        else resolve(xhr);
      };
      xhr.send(body);
    });
  }
}
