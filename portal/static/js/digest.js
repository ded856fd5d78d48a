// The SHA-256 of a file: by WebCrypto when it fits into memory, else piece by piece in a worker. Empty when neither can.

import { startWorker } from "./trusted.js";

const WHOLE_MOST = 64 * 1024 * 1024;
let last = Promise.resolve();

export async function digest(file, worker, progress, signal) {
  if (window.crypto?.subtle && file.size <= WHOLE_MOST) {
    const bytes = await window.crypto.subtle.digest("SHA-256", await file.arrayBuffer());
    return [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  }
  if (!worker || !window.Worker) return "";
  // One after the other: two large files at once would only slow each other down.
  const mine = last.catch(() => {}).then(() => (signal.aborted ? "" : inWorker(file, worker, progress, signal)));
  last = mine;
  return mine;
}

function inWorker(file, address, progress, signal) {
  return new Promise((resolve, reject) => {
    const worker = startWorker(address);
    const end = (settle, value) => { worker.terminate(); settle(value); };
    signal.addEventListener("abort", () => end(resolve, ""), { once: true });
    worker.onerror = () => end(reject, new Error("the worker failed"));
    worker.onmessage = ({ data }) => {
      if (data.hash) end(resolve, data.hash);
      else if (data.failed) end(reject, new Error(data.failed));
      else progress(data.done);
    };
    worker.postMessage({ file });
  });
}
