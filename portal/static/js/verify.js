// The in-browser check of a package: a drop zone, and under it what held, what did not, and what this page can't say.
//
// <div data-verify data-keys="…" [data-proof="/address" data-package="PKG-0001" data-issue="1"] [data-known="…"]>. The PDF
// is read here and sent nowhere; only the proof beside it is fetched, when it was not dropped too and the PDF is this
// page's package. Inside may stand a field [data-key] for a fingerprint and a file [data-earlier]; `known` are the
// fingerprints of this portal's keys.

import { icon, make } from "./ui.js";

const MARKS = { holds: ["ok", "circle-check", "holds"], altered: ["crit", "circle-x", "altered"], unreadable: ["warn", "triangle-alert", "not shown"] };
// The checks without which there is nothing to check.
const UNREAD = ["file", "manifest"];
const LIMITS = [
  "This page comes from a portal. For a check that does not depend on it, use verify.py with a key that you got another way.",
  "Who signed the PDF (PAdES) is shown by your PDF reader; this page checks that the history recorded every byte of the file.",
];
//: What a browser can hold of one file.
const MOST_BYTES = 2 ** 31 - 1;
const NOT_COMPARED = "Whether the history continues a package that you kept: give the earlier one, here or to verify.py --earlier.";

function note(tone, glyph, title, words) {
  return make("div", { class: `note ${tone}` }, icon(glyph, ""), make("div", {}, make("b", {}, title), make("br"), words));
}

function line({ name, verdict, words }) {
  const [tone, glyph, word] = MARKS[verdict];
  return make("li", {}, make("span", { class: `c-${tone}` }, icon(glyph)), make("span", {}, make("b", {}, `${name} `),
    make("span", { class: "vh" }, `${word}. `), words));
}

/** Whether a package that nothing was compared with names no key of this portal. */
function isForeign(element, found, given) {
  const known = (element.dataset.known || "").split(" ").filter(Boolean);
  return Boolean(known.length) && !given && !found.stated?.some((key) => known.includes(key.fingerprint));
}

function told(found, file, foreign) {
  const wrong = found.wrong;
  const at = new Date().toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  if (!wrong && foreign) return note("warn", "triangle-alert", "Intact, and signed by a key that this portal does not know", `${file.name}, checked in this browser at ${at}. Compare the fingerprint of its key, below, with one that its maker gave you. SHA-256 ${found.sha256}`);
  if (!wrong) return note("ok", "shield-check", "Package is intact", `${file.name}, checked in this browser at ${at}. SHA-256 ${found.sha256}`);
  if (wrong.verdict === "altered") return note("crit", "circle-x", "Something was altered", `${wrong.name}: ${wrong.words} Download it again; if it still differs, ask whoever gave it to you and keep this copy.`);
  if (UNREAD.includes(wrong.name)) return note("warn", "triangle-alert", "This is no package that can be read here", `${file.name}: ${wrong.words} Choose the PDF as it was handed over, not printed or saved anew.`);
  if (wrong.name === "proof") return note("warn", "triangle-alert", "All in the package fits, but its proof is missing", `${wrong.words} Give ${file.name}.tlog-proof together with the PDF.`);
  return note("warn", "triangle-alert", "It cannot be checked in full here", `${wrong.name}: ${wrong.words}`);
}

/** The text of the proof: the dropped one, else the portal's own for this page's package. */
function proofOf(element, dropped) {
  return async (manifest) => {
    if (dropped) return dropped.text();
    const { proof, package: ref, issue } = element.dataset;
    if (!proof || manifest.package.ref !== ref || String(manifest.package.issue) !== issue) return "";
    const answer = await fetch(proof, { credentials: "same-origin" });
    return answer.ok && !answer.redirected ? answer.text() : "";
  };
}

/** The package among what was given: the PDF that has its proof beside it, else the one that is no volume of exhibits. */
function packageOf(files) {
  const pdfs = files.filter((file) => /\.pdf$/i.test(file.name));
  return pdfs.find((file) => files.some((other) => other.name === `${file.name}.tlog-proof`))
    ?? pdfs.find((file) => !/-exhibits(-\d+)?\.pdf$/i.test(file.name))
    ?? pdfs[0] ?? files.find((file) => !file.name.endsWith(".tlog-proof"));
}

const read = async (file) => ({ name: file.name, bytes: new Uint8Array(await file.arrayBuffer()) });

/** The newest check of each element: one that ends after it was overtaken says nothing. */
const newest = new WeakMap();

async function examine(element, files) {
  const result = element.querySelector("[data-result]");
  const pdf = packageOf(files);
  if (!pdf) return;
  const mine = {};
  newest.set(element, mine);
  const isOld = () => newest.get(element) !== mine;
  try {
    await examined(element, result, files, pdf, isOld);
  } catch (fault) {
    if (!isOld()) unread(element, result, `${pdf.name} could not be read here (${fault.name}). Use verify.py.`);
  }
}

function unread(element, result, words) {
  result.replaceChildren(note("warn", "triangle-alert", "It cannot be checked in full here", words));
  element.dataset.verdict = "unreadable";
}

async function examined(element, result, files, pdf, isOld) {
  if (!window.crypto?.subtle || typeof DecompressionStream === "undefined") {
    result.replaceChildren(note("warn", "triangle-alert", "This browser cannot check packages here", "It needs a newer browser and a secure connection (https). Use verify.py."));
    return;
  }
  result.replaceChildren(note("info", "loader-circle", "Checking", `${pdf.name} is read on this machine.`));
  const given = element.querySelector("[data-key]")?.value.trim();
  const kept = [...element.querySelector("[data-earlier]")?.files ?? []];
  const keys = given ? [given] : (element.dataset.keys || "").split(" ").filter(Boolean);
  const proofs = files.filter((file) => file.name.endsWith(".tlog-proof"));
  const beside = files.filter((file) => file !== pdf && !proofs.includes(file));
  const large = [pdf, ...beside, ...kept].find((file) => file.size > MOST_BYTES);
  if (large) {
    unread(element, result, `file: ${large.name} has more than 2 GiB, which a browser cannot hold. Use verify.py.`);
    return;
  }
  const { check } = await import("./verify-package.js");
  const { name, bytes } = await read(pdf);
  const found = await check(bytes, {
    name,
    keys,
    proof: proofOf(element, proofs.find((file) => file.name === `${name}.tlog-proof`) ?? proofs[0]),
    beside: await Promise.all(beside.map(read)),
    earlier: await Promise.all(kept.map(read)),
  });
  if (isOld()) return;
  const limits = [...new Set(found.uncovered), ...(kept.length ? [] : [NOT_COMPARED]), ...LIMITS];
  result.replaceChildren(told(found, pdf, isForeign(element, found, given)),
    make("details", { open: Boolean(found.wrong) }, make("summary", { class: "sm" }, found.checks.length === 1 ? "1 check" : `${found.checks.length} checks`),
      make("ul", { class: "proofs sm" }, ...found.checks.map(line))),
    make("details", {}, make("summary", { class: "sm" }, "What this page cannot say"),
      make("ul", { class: "proofs sm" }, ...limits.map((words) => make("li", {}, icon("info"), make("span", {}, words))))));
  element.dataset.wrong = found.wrong?.name ?? "";
  element.dataset.verdict = found.wrong?.verdict ?? "holds";
}

export function start(element) {
  const drop = element.querySelector("[data-drop]");
  const input = element.querySelector("input[type=file]");
  element.hidden = false;
  let last = [];
  const take = (files) => {
    delete element.dataset.verdict;
    last = files;
    if (files.length) examine(element, files);
  };
  for (const more of element.querySelectorAll("[data-key], [data-earlier]")) more.addEventListener("change", () => take(last));
  input.addEventListener("change", () => { take([...input.files]); input.value = ""; });
  for (const name of ["dragenter", "dragover"]) drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.add("over"); });
  for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => { event.preventDefault(); take([...event.dataTransfer.files]); });
}
