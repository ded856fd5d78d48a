// The only doors by which text becomes markup (Trusted Types): `clearhold` for our modules, `default` for htmx, which
// may parse it into documents that run nothing. Scripts from text have none.

const HERE = new URL(".", import.meta.url);
const INERT = new Set(["Document parseHTMLUnsafe", "DOMParser parseFromString"]);
// htmx keeps elements marked hx-preserve in this while it swaps.
const PANTRY = "<div id='--htmx-preserve-pantry--'></div>";

const same = (text) => text;

function ours(address) {
  const found = new URL(address, window.location.href);
  if (found.origin === HERE.origin && found.pathname.startsWith(HERE.pathname)) return found.href;
  throw new TypeError("Only the portal's own scripts may run.");
}

const factory = window.trustedTypes;
factory?.createPolicy("default", {
  createHTML: (text, type, sink) => (INERT.has(sink) || text === PANTRY ? text : null),
});
const policy = factory?.createPolicy("clearhold", { createHTML: same, createScriptURL: ours })
  || { createHTML: same, createScriptURL: ours };

/** The elements of a fragment, in a document that runs nothing. */
export function parsed(html) {
  return new DOMParser().parseFromString(policy.createHTML(html), "text/html").body;
}

/** A worker from one of the portal's own modules. */
export function startWorker(address) {
  return new Worker(policy.createScriptURL(address), { type: "module" });
}
