// The row of one file while it travels: its name, how much of it is sent, its stages, and what can be done about it.

import { icon, make } from "./ui.js";

const SCANS = { clean: "Scanned", infected: "Infected", unscannable: "Could not be scanned", not_scanned: "Not scanned" };

export function size(bytes) {
  const units = [["GB", 1e9], ["MB", 1e6], ["KB", 1e3]];
  const unit = units.find(([, many]) => bytes >= many);
  return unit ? `${(bytes / unit[1]).toFixed(1).replace(/\.0$/, "")} ${unit[0]}` : `${bytes} bytes`;
}

/** How fast it goes, over the last seconds, and how long it will still take. */
function pace() {
  let marks = [];
  return (at, total) => {
    const now = performance.now();
    if (marks.length && at < marks[marks.length - 1][1]) marks = [];
    marks = [...marks.filter(([then]) => now - then < 6000), [now, at]];
    const [[begun, from]] = marks;
    const rate = (at - from) / Math.max((now - begun) / 1000, 0.001);
    if (marks.length < 2 || rate <= 0) return "";
    const seconds = Math.ceil((total - at) / rate);
    const left = seconds < 90 ? `${seconds} s` : `${Math.ceil(seconds / 60)} min`;
    return `${size(Math.round(rate))}/s, ${left}`;
  };
}

export function rowOf(file) {
  const bar = make("progress", { max: file.size || 1, value: 0, "aria-label": `${file.name}, sent` });
  const stages = make("div", { class: "pipe" });
  const speed = make("span", { class: "xs dim num hide-m" });
  const pause = make("button", { class: "btn s quiet ico", type: "button", hidden: true });
  const stop = make("button", { class: "btn s quiet ico", type: "button", "aria-label": `Remove ${file.name}` }, icon("x"));
  const below = make("div", { class: "st stack xs" }, bar, stages);
  const amount = make("span", { class: "xs dim nw num" }, size(file.size));
  const name = make("b", { class: "m sm trunc" }, file.name);
  const acts = make("span", { class: "row" }, speed, pause, stop);
  const element = make("li", { class: "file" },
    make("span", { class: "ic" }, icon("file", "")), make("span", { class: "min0 row" }, name, amount), acts, below);
  const controller = new AbortController();
  const now = pace();

  const show = (done, current, later = [], sign = icon("loader-circle")) => stages.replaceChildren(
    ...done.map((word) => make("span", { class: "d" }, icon("check"), word)),
    ...(current ? [make("span", { class: "n" }, sign, current)] : []),
    ...later.map((word) => make("span", {}, word)));
  const at = (offset) => {
    bar.value = file.size ? offset : 1;
    amount.textContent = offset && offset < file.size ? `${size(offset)} of ${size(file.size)}` : size(file.size);
    return file.size ? Math.floor((100 * offset) / file.size) : 100;
  };
  const sends = (done, offset) => {
    const percent = at(offset);
    speed.textContent = now(offset, file.size);
    show(done, `Sending ${percent}%`, ["Check"]);
  };
  const paused = (done, offset) => {
    speed.textContent = "";
    show(done, `Paused at ${at(offset)}%`, ["Check"], icon("pause"));
  };
  const waits = (done, offset, words) => {
    speed.textContent = "";
    show(done, `${words} ${at(offset)}% is kept; it goes on by itself`, ["Check"], icon("clock-alert"));
  };
  const words = (message) => make("p", { class: "err" }, icon("circle-x"), make("span", {}, message));
  const fail = (message) => {
    for (const one of [bar, stages, speed, pause]) one.remove();
    below.replaceChildren(words(message));
  };
  const halts = (message, again) => {
    const button = make("button", { class: "btn s", type: "button" }, "Go on");
    button.onclick = () => {
      below.replaceChildren(bar, stages);
      again();
    };
    speed.textContent = "";
    below.replaceChildren(words(message), make("div", { class: "row" }, button));
  };
  const offerPause = (act) => {
    let isPaused = false;
    const draw = () => {
      pause.hidden = false;
      pause.setAttribute("aria-label", `${isPaused ? "Resume" : "Pause"} ${file.name}`);
      pause.replaceChildren(isPaused ? icon("play") : icon("pause"));
    };
    pause.onclick = () => {
      isPaused = !isPaused;
      draw();
      act(isPaused);
    };
    draw();
  };
  const stored = (done, url = "", pill = null, notes = []) => {
    at(file.size);
    acts.replaceWith(pill || make("span"));
    if (url) name.replaceWith(make("a", { class: "m sm trunc", href: url }, file.name));
    bar.remove();
    show(done, "");
    for (const note of notes) below.append(make("p", { class: "xs" }, note));
  };
  return { element, stop, show, sends, paused, waits, fail, halts, offerPause, stored, signal: controller.signal, cancel: () => controller.abort() };
}

/** What became of a file that came in pieces: its state, whether it was scanned, what was noted of it. */
export async function settled(row, file, ref, hash, form) {
  const done = hash ? ["Hashed", "Sent", "Hash matches"] : ["Sent", "Stored"];
  const url = form.dataset.evidence.replace("E-0", ref);
  const answer = await fetch(form.dataset.facts.replace("E-0", ref)).catch(() => null);
  const found = answer?.ok ? await answer.json() : null;
  const isQuarantined = found?.state === "quarantined";
  const waits = isQuarantined || found?.latest.is_held;
  const word = isQuarantined ? "In quarantine" : waits ? "Check needed" : "Ready";
  const pill = make("span", { class: `pill ${waits ? "warn" : "ok"}` }, waits ? icon("triangle-alert") : icon("circle-check"), word);
  const scan = found && (SCANS[found.latest.scan_state] || "Scan waits");
  const notes = [...(found?.latest.personal_data || []), ...(found?.latest.intake_notes || []).map((note) => note.sentence)];
  if (found?.latest.is_held) notes.push("Open it to say whether it is kept as it is, or to replace it.");
  row.stored(scan ? [...done, scan] : done, url, found && pill, notes);
}
