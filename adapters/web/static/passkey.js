// Passkeys on our pages: offered only where this browser can, and the browser's own dialog in between.
// Nothing is decided here: what the authenticator signed goes to the server with the form.

const can = window.isSecureContext && "PublicKeyCredential" in window && Boolean(navigator.credentials);

function bytesOf(text) {
  return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (character) => character.charCodeAt(0));
}

function textOf(buffer) {
  const characters = Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte));
  return btoa(characters.join("")).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

const withBytes = (descriptors) => descriptors.map((one) => ({ ...one, id: bytesOf(one.id) }));

function decoded(options) {
  const read = { ...options, challenge: bytesOf(options.challenge) };
  if (options.user) read.user = { ...options.user, id: bytesOf(options.user.id) };
  if (options.allowCredentials) read.allowCredentials = withBytes(options.allowCredentials);
  if (options.excludeCredentials) read.excludeCredentials = withBytes(options.excludeCredentials);
  return read;
}

function encoded(credential) {
  const from = credential.response, response = { clientDataJSON: textOf(from.clientDataJSON) };
  if (from.attestationObject) {
    response.attestationObject = textOf(from.attestationObject);
    response.transports = from.getTransports?.() ?? [];
  } else {
    response.authenticatorData = textOf(from.authenticatorData);
    response.signature = textOf(from.signature);
    if (from.userHandle) response.userHandle = textOf(from.userHandle);
  }
  const { id, rawId, type } = credential;
  return JSON.stringify({ id, rawId: textOf(rawId), type, response, clientExtensionResults: {} });
}

async function challenge(form, address) {
  const hidden = [...form.querySelectorAll("input[type=hidden]")].map((input) => [input.name, input.value]);
  const body = new URLSearchParams(hidden);
  const answer = await fetch(address, { method: "POST", body, headers: { accept: "application/json" } });
  if (!answer.ok) throw new Error("no challenge");
  return answer.json();
}

function put(form, name, value) {
  const input = form.querySelector(`input[type=hidden][name=${name}]`) ?? document.createElement("input");
  Object.assign(input, { type: "hidden", name, value });
  form.append(input);
}

async function use(part) {
  const form = part.closest("form"), failed = part.querySelector("[data-passkey-failed]");
  const button = form.querySelector("[data-passkey-use]");
  failed.hidden = true;
  button.disabled = true;
  try {
    const { ceremony, options } = await challenge(form, part.dataset.options);
    const wanted = { publicKey: decoded(options) };
    const creating = part.dataset.passkey === "create";
    const credential = await (creating ? navigator.credentials.create(wanted) : navigator.credentials.get(wanted));
    put(form, "credential", encoded(credential));
    put(form, "ceremony", ceremony);
    put(form, "decision", "yes");
    form.noValidate = true;
    form.requestSubmit();
  } catch {
    failed.hidden = false;
    button.disabled = false;
  }
}

function offer(part) {
  const form = part.closest("form"), button = form.querySelector("[data-passkey-use]");
  const others = form.querySelectorAll("[data-passkey-other]"), turn = form.querySelector("[data-passkey-switch]");
  const words = [turn?.textContent, turn?.dataset.other];
  function show(passkey) {
    button.hidden = !passkey;
    for (const other of others) other.hidden = passkey;
    if (turn) [turn.hidden, turn.textContent] = [false, words[passkey ? 0 : 1]];
  }
  for (const cannot of part.querySelectorAll("[data-passkey-cannot]")) cannot.hidden = true;
  show(!form.querySelector("[data-passkey-other] [aria-invalid]"));
  button.addEventListener("click", () => use(part));
  turn?.addEventListener("click", () => {
    show(button.hidden);
    (button.hidden ? form.querySelector("[name=code]") : button).focus();
  });
}

if (can) {
  document.querySelectorAll("[data-passkey]").forEach(offer);
  for (const button of document.querySelectorAll("[data-passkey-offer]")) {
    const form = button.closest("form");
    button.hidden = false;
    for (const second of form.querySelectorAll("[data-passkey-second]")) second.classList.remove("button--primary");
    for (const cannot of form.querySelectorAll("[data-passkey-cannot]")) cannot.hidden = true;
  }
}
