// The heat map: one tab stop, arrows between runs, Home and End, G for the next gap; opens at the current week.

const started = new WeakSet();

export function start(root) {
  const table = root.querySelector("table");
  if (!table || started.has(root)) return;
  started.add(root);
  const lines = [...table.querySelectorAll("tbody tr")]
    .map((row) => [...row.querySelectorAll("td:not(.pc)")].map((cell) => cell.querySelector("a.hc")));
  const stops = lines.flat().filter(Boolean);

  const now = table.querySelector("thead .now");
  if (now && root.scrollWidth > root.clientWidth) {
    // The first and last columns stay; the current week stands at three quarters of what is seen between them.
    const names = table.querySelector(".rh").offsetWidth;
    const seen = root.clientWidth - names - (table.querySelector(".pc")?.offsetWidth || 0);
    root.scrollLeft = now.offsetLeft - names - seen * 0.75;
  }
  if (!stops.length) return;
  stops.forEach((stop) => { stop.tabIndex = -1; });
  const column = now ? [...now.parentNode.children].indexOf(now) - 1 : 0;
  let current = lines.map((line) => line[column]).find(Boolean) || stops[0];
  current.tabIndex = 0;

  function focus(stop) {
    if (!stop) return;
    current.tabIndex = -1;
    current = stop;
    current.tabIndex = 0;
    current.focus();
    current.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  function place() {
    const row = lines.findIndex((line) => line.includes(current));
    return [row, lines[row].indexOf(current)];
  }

  /** The next cell with a run, in a direction; cells without one are stepped over. */
  function step(down, right) {
    let [row, col] = place();
    for (;;) {
      row += down;
      col += right;
      if (row < 0 || row >= lines.length || col < 0 || col >= lines[row].length) return null;
      if (lines[row][col]) return lines[row][col];
    }
  }

  const moves = {
    ArrowRight: () => step(0, 1),
    ArrowLeft: () => step(0, -1),
    ArrowDown: () => step(1, 0),
    ArrowUp: () => step(-1, 0),
    Home: () => lines[place()[0]].find(Boolean),
    End: () => lines[place()[0]].findLast(Boolean),
    g: () => {
      const gaps = stops.filter((stop) => "gap" in stop.dataset);
      return gaps.find((gap) => stops.indexOf(gap) > stops.indexOf(current)) || gaps[0];
    },
  };

  table.addEventListener("keydown", (event) => {
    if (!event.target.matches("a.hc") || event.ctrlKey || event.metaKey || event.altKey) return;
    const move = moves[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!move) return;
    event.preventDefault();
    event.stopPropagation();
    focus(move());
  });
  table.addEventListener("focusin", (event) => {
    if (stops.includes(event.target) && event.target !== current) {
      current.tabIndex = -1;
      current = event.target;
      current.tabIndex = 0;
    }
  });
}
