// Lists: J and K move, Enter opens, X ticks, Shift X ticks a range; the bar for ticked rows.

import { cookie, say } from "./ui.js";

const started = new WeakSet();

export function start(root) {
  if (started.has(root)) return;
  started.add(root);
  const bar = root.querySelector("[data-bulk]");
  let last = null;

  const rows = () => [...root.querySelectorAll("tbody tr")].filter((row) => row.querySelector("a.t"));
  const box = (row) => row?.querySelector('td.chk input[type="checkbox"]');
  const boxes = () => rows().map(box).filter(Boolean);
  const current = () => root.querySelector("tr.cur");

  function move(row) {
    if (!row) return;
    current()?.classList.remove("cur");
    row.classList.add("cur");
    row.querySelector("a.t").focus();
    row.scrollIntoView({ block: "nearest" });
  }

  function paint() {
    const ticked = boxes().filter((one) => one.checked);
    for (const row of rows()) row.classList.toggle("sel", Boolean(box(row)?.checked));
    const all = root.querySelector("[data-all]");
    if (all) {
      all.checked = ticked.length > 0 && ticked.length === boxes().length;
      all.indeterminate = ticked.length > 0 && !all.checked;
    }
    if (!bar) return;
    bar.hidden = ticked.length === 0;
    const words = `${ticked.length} selected`;
    bar.querySelector("[data-bulk-count]").textContent = words;
    say(ticked.length ? words : "Nothing selected");
  }

  function tick(row, isRange) {
    const one = box(row);
    if (!one) return;
    const all = rows();
    if (isRange && last && all.includes(last)) {
      const [from, to] = [all.indexOf(last), all.indexOf(row)].sort((a, b) => a - b);
      const value = box(last).checked;
      for (const each of all.slice(from, to + 1)) box(each).checked = value;
    } else {
      one.checked = !one.checked;
    }
    last = row;
    paint();
  }

  function clear() {
    boxes().forEach((one) => { one.checked = false; });
    last = null;
    paint();
  }

  root.addEventListener("click", (event) => {
    const target = event.target;
    if (target.closest("[data-bulk-clear]")) clear();
    if (!target.matches?.('td.chk input[type="checkbox"]') || !target.closest("tbody")) return;
    const row = target.closest("tr");
    if (event.shiftKey && last && last !== row) {
      target.checked = !target.checked;
      tick(row, true);
    } else {
      last = row;
    }
  });
  root.addEventListener("change", (event) => {
    if (event.target.matches("[data-all]")) boxes().forEach((one) => { one.checked = event.target.checked; });
    if (event.target.matches('td.chk input[type="checkbox"]')) paint();
  });
  root.addEventListener("focusin", (event) => {
    const row = event.target.closest("tbody tr");
    if (row && rows().includes(row) && row !== current()) {
      current()?.classList.remove("cur");
      row.classList.add("cur");
    }
  });

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !root.isConnected) return;
    if (document.querySelector("dialog[open]")) return;
    const typing = event.target.closest?.("input:not([type=checkbox], [type=radio]), textarea, select");
    if (event.key === "Escape" && bar && !bar.hidden && !typing) return clear();
    if (typing || cookie("keys") === "off") return;
    const all = rows();
    const at = all.indexOf(current());
    const key = event.key.toLowerCase();
    if (key === "j") move(all[Math.min(at + 1, all.length - 1)]);
    else if (key === "k") move(all[Math.max(at - 1, 0)]);
    else if (key === "x" && at >= 0) tick(all[at], event.shiftKey);
    else if (key === "enter" && at >= 0 && event.target === document.body) all[at].querySelector("a.t").click();
    else return;
    event.preventDefault();
  });
  if (boxes().some((one) => one.checked)) paint();
}
