// A worker that hashes a file piece by piece, which WebCrypto can't: in {file}, out {done} of it, then {hash}.

import { sha256 } from "../vendor/noble-hashes/2.4.0/sha2.js";

const PIECE = 4 * 1024 * 1024;

self.onmessage = async ({ data: { file } }) => {
  try {
    const hash = sha256.create();
    for (let at = 0; at < file.size; at += PIECE) {
      hash.update(new Uint8Array(await file.slice(at, at + PIECE).arrayBuffer()));
      self.postMessage({ done: Math.min(at + PIECE, file.size) });
    }
    self.postMessage({ hash: [...hash.digest()].map((byte) => byte.toString(16).padStart(2, "0")).join("") });
  } catch (error) {
    self.postMessage({ failed: String(error) });
  }
};
