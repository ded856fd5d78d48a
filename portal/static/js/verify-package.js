// Checks a package in the browser with WebCrypto: the same steps as verify.py, which stays the reference. Nothing is sent.
//
// check(bytes, {name, keys, proof, beside, earlier}) answers {checks: [{name, verdict, words}], uncovered, verdict, wrong,
// manifest}. `name` is that of the file; `keys` are texts "name+hash+base64" or fingerprints; `proof(manifest)` gives the text
// of the tlog-proof beside the PDF, or ""; `beside` are files that may be its volumes of exhibits, and `earlier` packages or
// checkpoints that somebody kept, as {name, bytes}.

const FORMAT = "clearhold-manifest/2";
const UNPRINTED = ["finding.drafted", "finding.edited"];
const TEXTS = { title: "title", description: "condition", root_cause: "cause", scope_check: "extent" };
const VOTES = { approve: "approval.approved", reject: "approval.rejected" };
const TAIL_BYTES = 1 << 24;
const REVISIONS = 9;
const INFLATED_BYTES = 2 ** 31;

class Altered extends Error {}
class Unreadable extends Error {}

// --- bytes -----------------------------------------------------------------------------------------------------------

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });
const latin = new TextDecoder("latin1");
const join = (...parts) => {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  parts.reduce((at, part) => { whole.set(part, at); return at + part.length; }, 0);
  return whole;
};
const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
const unhex = (text) => Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
const same = (one, other) => one.length === other.length && one.every((byte, at) => byte === other[at]);
const sha256 = async (...parts) => {
  const bytes = parts.length === 1 ? parts[0] : join(...parts);
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
};
const leaf = (body) => sha256(Uint8Array.of(0), body);
const node = (left, right) => sha256(Uint8Array.of(1), left, right);

function unbase64(text) {
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text)) throw new Unreadable("this is not base64");
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

function find(bytes, text, from) {
  const wanted = encoder.encode(text);
  for (let at = bytes.indexOf(wanted[0], from); at >= 0; at = bytes.indexOf(wanted[0], at + 1)) {
    if (wanted.every((byte, n) => bytes[at + n] === byte)) return at;
  }
  return -1;
}

async function inflated(bytes) {
  const reader = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate")).getReader();
  const parts = [];
  let size = 0;
  try {
    for (let next; !(next = await reader.read()).done; parts.push(next.value)) {
      size += next.value.length;
      if (size > INFLATED_BYTES) throw new TypeError("too much");
    }
  } catch {
    throw new Unreadable("an attached file is not whole, or has more than 2 GiB");
  }
  return join(...parts);
}

// --- keys, notes, proofs ---------------------------------------------------------------------------------------------

const keyId = async (name, key) => (await sha256(encoder.encode(`${name}\n\x01`), key)).slice(0, 4);

async function parseKey(text) {
  const [, name, stated, encoded] = text.trim().match(/^([^+\s]+)\+([0-9a-f]{8})\+(\S+)$/) ?? [];
  const raw = encoded ? unbase64(encoded) : new Uint8Array();
  if (raw.length !== 33 || raw[0] !== 1 || hex(await keyId(name, raw.slice(1))) !== stated) {
    throw new Unreadable(`“${text.slice(0, 60)}” is no Ed25519 key, or not the one of the hash in it`);
  }
  return { name, public: raw.slice(1), fingerprint: hex(await sha256(raw.slice(1))) };
}

async function chosenKeys(given, stated) {
  const chosen = [];
  for (const text of given) {
    const digits = text.toLowerCase().replace(/^\s*sha-?256:|[\s:]/g, "");
    if (/^[0-9a-f]{64}$/.test(digits)) {
      const found = stated.filter((key) => key.fingerprint === digits);
      if (!found.length) throw new Altered(`no key of the package has the fingerprint ${digits}; it was signed by somebody else`);
      chosen.push(...found);
    } else chosen.push(await parseKey(text));
  }
  return chosen;
}

async function isSigned(key, message, signature) {
  let imported;
  try {
    imported = await crypto.subtle.importKey("raw", key.public, { name: "Ed25519" }, false, ["verify"]);
  } catch {
    throw new Unreadable("this browser cannot check Ed25519 signatures; use verify.py");
  }
  return crypto.subtle.verify({ name: "Ed25519" }, imported, signature, message);
}

async function openCheckpoint(note, keys) {
  const gap = note.lastIndexOf("\n\n");
  if (gap < 0 || !note.endsWith("\n")) throw new Unreadable("it is no signed note");
  const text = note.slice(0, gap);
  let signed = false;
  for (const line of note.slice(gap + 2, -1).split("\n")) {
    const [dash, name, encoded, more] = line.split(" ");
    const raw = encoded && more === undefined ? unbase64(encoded) : new Uint8Array();
    if (dash !== "—" || raw.length < 5) throw new Unreadable("a signature line is a dash, a name and a signature");
    for (const key of keys) {
      if (key.name !== name || !same(await keyId(name, key.public), raw.slice(0, 4))) continue;
      if (!await isSigned(key, encoder.encode(`${text}\n`), raw.slice(4))) {
        throw new Altered(`the signature of ${name} does not belong to this text`);
      }
      signed = true;
    }
  }
  if (!signed) throw new Altered("it is signed by no key that is known here");
  const [origin, size, root] = text.split("\n");
  if (!/^(0|[1-9]\d*)$/.test(size ?? "") || unbase64(root ?? "").length !== 32) {
    throw new Unreadable("a checkpoint has an origin, a size and a root");
  }
  return { origin, size: Number(size), root: unbase64(root) };
}

function readProof(text, ...words) {
  const gap = text.indexOf("\n\n");
  const lines = text.slice(0, Math.max(gap, 0)).split("\n");
  if (gap < 0 || !words.every((word, n) => (lines[n] ?? "").startsWith(word))) {
    throw new Unreadable(`a proof begins with “${words[0]}”`);
  }
  const hashes = lines.slice(words.length).filter(Boolean).map(unbase64);
  if (hashes.some((each) => each.length !== 32)) throw new Unreadable("the hashes of a proof are SHA-256");
  return { said: words.map((word, n) => lines[n].slice(word.length)), hashes, note: text.slice(gap + 2) };
}

function spread(text) {
  return text.split(" ").filter(Boolean).flatMap((span) => {
    const [first, last = first] = span.split("-").map(Number);
    if (!/^\d+(-\d+)?$/.test(span) || last - first > 1 << 24) throw new Unreadable("a span of numbers has no sense");
    return Array.from({ length: Math.max(0, last - first + 1) }, (_, n) => first + n);
  });
}

// --- the Merkle tree (RFC 9162) --------------------------------------------------------------------------------------

const split = (count) => 2 ** Math.floor(Math.log2(count - 1));

class TooShort extends Error {}

async function leads(climb, rest, arrived) {
  try {
    return arrived(await climb()) && !rest.length;
  } catch (fault) {
    if (fault instanceof TooShort) return false;
    throw fault;
  }
}

function popped(rest) {
  if (!rest.length) throw new TooShort();
  return rest.pop();
}

async function standIn(head, leaves, hashes) {
  const rest = [...hashes];
  const rising = leaves.every(([index], n) => index >= 0 && index < head.size && (!n || leaves[n - 1][0] < index));
  if (!leaves.length || !rising) return false;
  const climb = async (start, end, first, last) => {
    if (end - start === 1) return leaves[first][1];
    const middle = start + split(end - start);
    let cut = first;
    while (cut < last && leaves[cut][0] < middle) cut += 1;
    const beside = cut === first || cut === last ? popped(rest) : null;
    const left = cut === first ? beside : await climb(start, middle, first, cut);
    return node(left, cut === last ? beside : await climb(middle, end, cut, last));
  };
  return leads(() => climb(0, head.size, 0, leaves.length), rest, (root) => same(root, head.root));
}

async function isContinued(old, now, hashes) {
  const rest = [...hashes];
  const climb = async (kept, size, whole) => {
    if (kept === size) {
      const root = whole ? old.root : popped(rest);
      return [root, root];
    }
    const left = split(size);
    const beside = popped(rest);
    const [before, after] = kept <= left ? await climb(kept, left, whole) : await climb(kept - left, size - left, false);
    return kept <= left ? [before, await node(after, beside)] : [await node(beside, before), await node(beside, after)];
  };
  if (!(old.size > 0 && old.size <= now.size)) return false;
  return leads(() => climb(old.size, now.size, true), rest, ([before, after]) => same(before, old.root) && same(after, now.root));
}

// --- the PDF ---------------------------------------------------------------------------------------------------------

/** The first half of /ID, and where the revision ends that the second half closes; signatures may stand behind it. */
async function whole(bytes) {
  const begin = Math.max(0, bytes.length - TAIL_BYTES);
  const pattern = /\/ID\s*\[\s*<([0-9a-fA-F]{32})>\s*<([0-9a-fA-F]{32})>\s*\]/g;
  const found = [...latin.decode(bytes.subarray(begin)).matchAll(pattern)].slice(0, REVISIONS);
  for (const each of found) {
    const start = begin + each.index + each[0].lastIndexOf("<") + 1;
    const close = find(bytes, "%%EOF\n", start) + 6;
    const blank = bytes.slice(0, close);
    blank.fill(0x30, start, start + 32);
    if (hex(await sha256(blank)).slice(0, 32) !== each[2].toLowerCase()) continue;
    if (close < bytes.length && find(bytes, "/ByteRange", close) < 0) {
      throw new Altered("the bytes of the PDF go on behind its end, and are no signature");
    }
    return [each[1].toLowerCase(), close];
  }
  if (found.length) throw new Altered("the bytes of the PDF are not those that were closed with its fingerprint");
  throw new Altered("the PDF has no fingerprint: it was not made by the portal, or its end is missing");
}

/** Every attached file by its SHA-256; streams are passed over one by one. */
async function attached(bytes) {
  const found = new Map();
  const mark = ">>\nstream\n";
  for (let at = 0, end; (end = find(bytes, mark, at)) >= 0;) {
    const text = latin.decode(bytes.subarray(Math.max(at, end - 4096), end));
    const about = text.slice(Math.max(0, text.lastIndexOf(" obj\n")));
    const length = about.match(/\/Length (\d+)(?! \d+ R)/);
    at = end + mark.length + Number(length?.[1]);
    if (!(at <= bytes.length)) {
      throw new Unreadable("the PDF was written again by another program, or a part of it says that it is longer");
    }
    if (!about.includes("/Type /EmbeddedFile")) continue;
    const raw = bytes.subarray(end + mark.length, at);
    const data = about.includes("/Filter /FlateDecode") ? await inflated(raw) : raw;
    found.set(hex(await sha256(data)), data);
  }
  return found;
}

// --- the checks ------------------------------------------------------------------------------------------------------

class Package {
  constructor(bytes, given, name, beside = []) {
    Object.assign(this, { bytes, given, name, beside, checks: [], uncovered: [], files: new Map(), enclosed: new Map(), texts: 0 });
  }

  async run(name, step) {
    let verdict = "holds";
    let words;
    try {
      words = await step.call(this);
    } catch (fault) {
      verdict = fault instanceof Altered ? "altered" : "unreadable";
      const own = fault instanceof Altered || fault instanceof Unreadable;
      words = own ? fault.message : `it is not of the form it must have: ${fault.message}`;
    }
    if (words) this.checks.push({ name, verdict, words: `${words[0].toUpperCase()}${words.slice(1)}.` });
    return verdict === "holds";
  }

  get wrong() {
    return this.checks.find((each) => each.verdict === "altered") ?? this.checks.find((each) => each.verdict !== "holds") ?? null;
  }

  async read() {
    if (!latin.decode(this.bytes.subarray(0, 1024)).includes("%PDF-")) throw new Unreadable("this is not a PDF");
    [this.first, this.closed] = await whole(this.bytes);
    this.sha256 = hex(await sha256(this.bytes));
    const behind = this.bytes.length - this.closed;
    return `the fingerprint over every byte of the PDF${behind ? ` up to its ${behind} bytes of signatures` : ""} fits`;
  }

  async open() {
    const inside = await attached(this.bytes.subarray(0, this.closed));
    this.manifestSha256 = [...inside.keys()].find((digest) => digest.startsWith(this.first));
    if (!inside.size) throw new Unreadable("nothing is attached: this is not a package");
    if (!this.manifestSha256) throw new Altered("the manifest is not the one that this PDF was made with");
    const manifest = JSON.parse(decoder.decode(inside.get(this.manifestSha256)));
    if (manifest.format !== FORMAT || !manifest.ledger) throw new Unreadable("this package is of a form that this page does not read");
    const { ref, issue } = manifest.package;
    const named = this.name.match(/^([A-Z]+-\d+)-issue-(\d+)/);
    if (named && (named[1] !== ref || named[2] !== String(issue))) {
      throw new Altered(`the file is named ${named[0]}, but it is issue ${issue} of ${ref}`);
    }
    this.stated = await Promise.all(manifest.ledger.keys.map(parseKey));
    const chosen = await chosenKeys(this.given, this.stated);
    this.trusted = chosen.length ? chosen : this.stated;
    this.manifest = manifest;
    for (const item of manifest.files) if (inside.has(item.sha256)) this.files.set(item.path, inside.get(item.sha256));
    const listed = new Set([this.manifestSha256, ...manifest.files.map((item) => item.sha256)]);
    this.strangers = [...inside.keys()].filter((digest) => !listed.has(digest)).length;
    return `the manifest of ${ref}, issue ${issue}: SHA-256 ${this.manifestSha256}`;
  }

  text(name) {
    if (!this.files.has(name)) throw new Altered(`the file ${name} is missing`);
    return decoder.decode(this.files.get(name));
  }

  async attachments() {
    const items = this.manifest.files;
    const apart = items.filter((item) => !item.attached);
    for (const item of items) {
      if (item.attached && this.files.get(item.path)?.length !== item.size) {
        throw new Altered(`the file ${item.path} is missing, or not the one that the manifest lists`);
      }
    }
    if (this.strangers) throw new Altered(`${this.strangers} attached files are not listed in the manifest`);
    let missing = 0;
    for (const item of apart) {
      const given = this.beside.find((file) => file.name === item.path);
      if (!given) {
        missing += 1;
        this.uncovered.push(`${item.path} is listed but kept apart from the package; give it too, and it is checked.`);
      } else if (hex(await sha256(given.bytes)) !== item.sha256) {
        throw new Altered(`the file ${item.path} beside it is not the one that the manifest lists`);
      }
    }
    return `${items.length - missing} of ${items.length} listed files are there, byte for byte`;
  }

  async checkpoint() {
    this.head = await openCheckpoint(this.text("checkpoint"), this.trusted);
    const { origin, tree_size: size, root } = this.manifest.ledger;
    if (this.head.origin !== origin || this.head.size !== size || hex(this.head.root) !== root) {
      throw new Altered("the checkpoint is another one than the manifest names");
    }
    return `${this.head.size} events stand under the signed checkpoint`;
  }

  async events() {
    if (!this.files.has("events.proof")) return "no events are enclosed";
    const { said, hashes, note } = readProof(this.text("events.proof"), "clearhold/tlog-multi-proof@v1", "indexes ");
    const bodies = this.text("events.ndjson").split("\n");
    const indexes = spread(said[1]);
    if (note !== this.text("checkpoint") || bodies.pop() !== "" || bodies.length !== indexes.length) {
      throw new Altered("the proof of the events belongs to other events or to another checkpoint");
    }
    const leaves = await Promise.all(bodies.map(async (body, n) => [indexes[n], await leaf(encoder.encode(body))]));
    if (!await standIn(this.head, leaves, hashes)) throw new Altered("the enclosed events do not stand under the checkpoint");
    const versions = new Map();
    bodies.forEach((body, n) => {
      const event = JSON.parse(body);
      if (!this.head.origin.split("/").includes(event.organization)) throw new Altered(`event ${indexes[n]} belongs to another organization`);
      versions.set(event.object.id, [...(versions.get(event.object.id) ?? []), event.object.version]);
      this.enclosed.set(indexes[n], { leaf: hex(leaves[n][1]), event });
    });
    for (const [key, found] of versions) {
      const told = [...found, ...spread(this.manifest.ledger.withheld[key] ?? "")].sort((a, b) => a - b);
      const gap = told.findIndex((version, n) => version !== n + 1);
      if (gap >= 0) throw new Altered(`version ${gap + 1} of the object ${key} is missing, or there twice`);
    }
    return `${this.enclosed.size} events of ${versions.size} objects stand under the checkpoint`;
  }

  async rows() {
    const rows = JSON.parse(this.text("snapshot.json"));
    const salts = this.files.has("salts.json") ? JSON.parse(this.text("salts.json")) : {};
    const byObject = new Map();
    for (const entry of this.enclosed) {
      const { type, ref } = entry[1].event.object;
      const key = `${type} ${ref}`;
      if (!byObject.has(key)) byObject.set(key, []);
      byObject.get(key).push(entry);
    }
    const of = (type, ref) => byObject.get(`${type} ${ref}`) ?? [];
    for (const row of rows.findings) await this.finding(row, new Map(of("findings.finding", row.ref)), salts);
    for (const exhibit of rows.exhibits) {
      if (!of("artifacts.artifact", exhibit.number).some(([, { event }]) => event.facts.after?.sha256 === exhibit.sha256)) {
        throw new Altered(`no event records ${exhibit.number} with the SHA-256 that is printed`);
      }
    }
    const printed = rows.findings.reduce((sum, row) => sum + row.history.length, 0);
    return `${printed} printed events, ${this.texts} texts and ${rows.exhibits.length} exhibits are those of the history`;
  }

  async finding(row, events, salts) {
    const shown = new Set(row.history.map((line) => line.number));
    for (const line of row.history) {
      const found = events.get(line.number);
      if (!found || found.leaf !== line.leaf || found.event.kind !== line.kind) {
        throw new Altered(`${row.ref}: the event printed as number ${line.number} is not in the history`);
      }
      if (`${found.event.at.slice(0, 19)}Z` !== line.at) throw new Altered(`${row.ref}: event ${line.number} happened at another time than is printed`);
      if (line.reason) await this.says(line.number, found.event, "reason", line.reason, row.ref, salts);
    }
    for (const [index, { event }] of events) {
      if (!UNPRINTED.includes(event.kind) && !shown.has(index)) throw new Altered(`${row.ref}: event ${index} is enclosed but not printed`);
    }
    for (const [name, field] of Object.entries(TEXTS)) {
      const last = [...events].filter(([, { event }]) => event.facts.texts?.[name]).pop();
      if (last && row[field]) await this.says(last[0], last[1].event, name, row[field], `${row.ref}, ${field}`, salts);
    }
    const own = [...events.values()].map(({ event }) => event);
    const state = own.filter((event) => event.kind.startsWith("finding.") && event.facts.after?.state).pop()?.facts.after.state;
    if (state && state !== row.state) throw new Altered(`${row.ref}: the history says another state than ${row.state}`);
    const votes = own.filter((event) => Object.values(VOTES).includes(event.kind)).map((event) => `${event.kind} ${event.facts.data.content_sha256}`);
    const decisions = row.requests.flatMap((request) => request.decisions).map((each) => `${VOTES[each.verdict]} ${each.content_sha256}`);
    if (votes.sort().join() !== decisions.sort().join()) throw new Altered(`${row.ref}: the printed decisions are not those of the history`);
  }

  async says(index, event, name, text, where, salts) {
    const stated = event.facts.texts?.[name];
    const salt = salts[index]?.[name];
    if (!stated) throw new Altered(`${where}: a text is printed that event ${index} does not hold`);
    if (!salt) this.uncovered.push(`${where}: that this text is the one of event ${index} can't be shown; it was erased.`);
    else if (hex(await sha256(unhex(salt), encoder.encode(text))) !== stated) {
      throw new Altered(`${where}: the printed text is not the one that event ${index} holds`);
    } else this.texts += 1;
  }

  async recorded(text) {
    const { said, hashes, note } = readProof(text, "c2sp.org/tlog-proof@v1", "extra ", "index ");
    const head = await openCheckpoint(note, this.trusted);
    const body = unbase64(said[1]);
    const index = Number(said[2]);
    if (!await standIn(head, [[index, await leaf(body)]], hashes)) throw new Altered("the event of the proof does not stand under its checkpoint");
    const event = JSON.parse(decoder.decode(body));
    if (head.origin !== this.head.origin || index < this.head.size || event.object.ref !== this.manifest.package.ref) {
      throw new Altered("the proof is of another history, of an earlier event, or of another package");
    }
    return { index, event, head };
  }

  async approval() {
    if (this.manifest.package.state !== "sealed") return "";
    const { index, event } = await this.recorded(this.text("approval.tlog-proof"));
    const rows = JSON.parse(this.text("snapshot.json"));
    Object.assign(rows.identity, { state: "draft", approved_by: "", approved_at: null });
    const draft = hex(await sha256(encoder.encode(JSON.stringify(sorted(rows)))));
    if (event.kind !== "package.approved" || event.facts.after.snapshot_sha256 !== draft) {
      throw new Altered("what was approved are other rows than those of this package");
    }
    return `event ${index} approved exactly these rows`;
  }

  async consistency() {
    const before = this.manifest.previous;
    if (!before) return "";
    const { said, hashes, note } = readProof(this.text("consistency.proof"), "old ");
    const old = await openCheckpoint(this.text("previous.checkpoint"), [...this.trusted, ...this.stated]);
    this.old = old;
    const known = old.origin === this.head.origin && old.size === Number(said[0]) && note === this.text("checkpoint");
    if (!known || !await isContinued(old, this.head, hashes)) throw new Altered("the history does not continue the one of the package before");
    return `the history continues the ${old.size} events of ${before.ref}, issue ${before.issue}`;
  }

  /** An earlier package, or the text of its checkpoint, from the same history: {name, bytes}. */
  async continues({ name, bytes }) {
    let note;
    if (latin.decode(bytes.subarray(0, 5)) === "%PDF-") {
      const other = new Package(bytes, this.given, name);
      await other.read();
      await other.open();
      note = other.text("checkpoint");
    } else note = decoder.decode(bytes);
    const old = await openCheckpoint(note, [...this.trusted, ...this.stated]);
    const known = [this.head, this.old].find((head) => head?.size === old.size);
    if (old.origin !== this.head.origin || (known && !same(known.root, old.root))) {
      throw new Altered(`${name} was made from another history: two were signed`);
    }
    if (!known) {
      const newer = old.size > this.head.size ? ", which is newer: check that, with this as the earlier" : "";
      throw new Unreadable(`the package holds no proof that it continues the ${old.size} events of ${name}${newer}`);
    }
    return `the history continues that of ${name}`;
  }

  async proven(proof) {
    const text = await proof(this.manifest);
    if (!text) throw new Unreadable("the proof (….tlog-proof) was not given: that the history recorded this file is not shown");
    const { index, event, head } = await this.recorded(text);
    const { after } = event.facts;
    if (after.manifest_sha256 !== this.manifestSha256 || after.sha256 !== this.sha256) {
      throw new Altered("the history recorded another SHA-256 for this package");
    }
    return `event ${index} records exactly this file, under a checkpoint of ${head.size}`;
  }
}

function sorted(value) {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.keys(value).sort().map((key) => [key, sorted(value[key])]));
}

export async function check(bytes, { name = "", keys = [], proof = async () => "", beside = [], earlier = [] } = {}) {
  const found = new Package(bytes, keys, name, beside);
  if (await found.run("file", found.read) && await found.run("manifest", found.open)) {
    for (const name of ["attachments", "checkpoint", "events", "rows", "approval", "consistency"]) {
      const held = await found.run(name, found[name]);
      if (!held && (name === "checkpoint" || name === "events")) return found;
    }
    for (const kept of earlier) await found.run("consistency", () => found.continues(kept));
    await found.run("proof", () => found.proven(proof));
    if (!keys.length) {
      const prints = found.stated.map((key) => key.fingerprint).join(", ");
      found.uncovered.push(`The public key comes from the package itself; compare its fingerprint: ${prints}`);
    }
  }
  return found;
}
