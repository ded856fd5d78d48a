// Passkeys: the form asks the portal for a question, the device answers it, and the answer goes along with the form.
// What was typed stays where it is: the page is not left until the form is sent.

import { csrf, say } from "./ui.js";

const read = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (sign) => sign.charCodeAt(0));
const write = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

const listed = (descriptors) => (descriptors || []).map((one) => ({ ...one, id: read(one.id) }));

async function asked(address) {
  const answer = await fetch(address, { method: "POST", headers: { ...csrf(), Accept: "application/json" }, credentials: "same-origin" });
  const body = await answer.json().catch(() => null);
  if (!answer.ok || !body?.publicKey) throw new Error(body?.title || "The portal did not ask for a passkey. Load the page again.");
  return body.publicKey;
}

async function created(address) {
  const wanted = await asked(address);
  const made = await navigator.credentials.create({ publicKey: {
    ...wanted, challenge: read(wanted.challenge), user: { ...wanted.user, id: read(wanted.user.id) },
    excludeCredentials: listed(wanted.excludeCredentials),
  } });
  return {
    id: made.id, rawId: write(made.rawId), type: made.type, authenticatorAttachment: made.authenticatorAttachment,
    clientExtensionResults: made.getClientExtensionResults(),
    response: {
      clientDataJSON: write(made.response.clientDataJSON), attestationObject: write(made.response.attestationObject),
      transports: made.response.getTransports?.() || [],
    },
  };
}

async function answered(address) {
  const wanted = await asked(address);
  const found = await navigator.credentials.get({ publicKey: {
    ...wanted, challenge: read(wanted.challenge), allowCredentials: listed(wanted.allowCredentials),
  } });
  const handle = found.response.userHandle;
  return {
    id: found.id, rawId: write(found.rawId), type: found.type, authenticatorAttachment: found.authenticatorAttachment,
    clientExtensionResults: found.getClientExtensionResults(),
    response: {
      clientDataJSON: write(found.response.clientDataJSON), authenticatorData: write(found.response.authenticatorData),
      signature: write(found.response.signature), userHandle: handle ? write(handle) : null,
    },
  };
}

function reason(error) {
  if (!window.PublicKeyCredential) return "This browser has no passkeys here. They need HTTPS and a name: on your own machine open http://localhost instead of a number.";
  if (error.name === "SecurityError") return "Passkeys need a name, not a number, in the address: open the portal under http://localhost or its own name.";
  if (error.name === "InvalidStateError") return "This device already holds a passkey for your account.";
  if (error.name === "NotAllowedError") return "No passkey was given. Nothing was sent; what you typed is still here.";
  return error.message;
}

export function start(part) {
  const form = part.closest("form");
  const field = part.querySelector("input[name=passkey]");
  const error = part.querySelector("[data-passkey-error]");
  const code = form.querySelector("input[name=code]");
  form.addEventListener("submit", async (event) => {
    if (field.value || code?.value) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    const sender = event.submitter;
    error.hidden = true;
    form.setAttribute("aria-busy", "true");
    try {
      if (!window.PublicKeyCredential) throw new Error("");
      const act = part.dataset.mode === "create" ? created : answered;
      field.value = JSON.stringify(await act(part.dataset.options));
      form.requestSubmit(sender);
    } catch (failure) {
      error.textContent = reason(failure);
      error.hidden = false;
      say(error.textContent);
      (code || sender)?.focus();
    } finally {
      form.removeAttribute("aria-busy");
    }
  });
}
