// The demo phone: shows the current code of the person this browser speaks as. In the playground, and, in the demo
// only, on our own pages beside a field for a code.

import { icon, make } from "./dom.js";
import { t } from "./words.js";

const CODE_SECONDS = 30;
const inPlayground = Boolean(document.body.dataset.config);
const isWanted = inPlayground || document.querySelector("#code, [data-demo-scan]");
const panel = isWanted ? document.querySelector("[data-demo-phone]") : null;
let state = { person: null, screen: null };
let until = 0;
let again = 0;
let asked = 0;

/** The code on the phone, or an empty text. */
export function currentCode() {
  return state.screen?.code ?? "";
}

const headers = () => ({ "x-doorward-demo": panel.dataset.token });

/** Reads the phone, and again when the code changes. */
export async function refreshPhone() {
  if (!panel) return;
  const mine = ++asked;
  try {
    const response = await fetch(panel.dataset.demoPhone, { headers: headers() });
    const next = response.ok ? await response.json() : null;
    if (mine !== asked) return; // asked again meanwhile: an older answer may come later, and knows less
    if (next) show(next);
  } catch { /* the demo has stopped: the last code stays */ }
  clearTimeout(again);
  if (state.screen) again = setTimeout(refreshPhone, Math.max(250, until - performance.now() + 50));
}

function show(next) {
  const onlyTheCode = next.screen && next.person === state.person && next.screen.label === state.screen?.label;
  state = next;
  until = performance.now() + (next.screen?.seconds_left ?? 0) * 1000;
  if (onlyTheCode) { // a button that is being pressed stays where it is
    panel.querySelector(".device__code").textContent = grouped(next.screen.code);
    tick();
    return;
  }
  panel.hidden = false;
  const title = make("h2", { class: "over" }, t("{0}'s phone", next.person));
  panel.replaceChildren(title, next.screen ? device(next.screen) : emptyDevice());
  tick();
}

function device(screen) {
  const field = document.querySelector("#code");
  const buttons = make("p", { class: "device__buttons" }, button(t("Copy"), "phone-copy", copy));
  if (field) buttons.append(button(t("Use"), "phone-use", () => use(field)));
  return make("div", { class: "device", "data-testid": "phone" },
    make("p", { class: "device__label" }, screen.label),
    make("div", { class: "device__row" }, make("p", { class: "device__code number", "data-testid": "phone-code" }, grouped(screen.code)), buttons),
    make("progress", { class: "device__left", max: CODE_SECONDS, value: screen.seconds_left, "aria-label": t("Time left for this code") }));
}

const grouped = (code) => `${code.slice(0, 3)} ${code.slice(3)}`;

function emptyDevice() {
  return make("div", { class: "device device--empty", "data-testid": "phone-empty" }, icon("phone"),
    make("p", { class: "small quiet" }, t("No codes yet. It scans the QR code when Doorward asks for one.")));
}

function button(label, testid, act) {
  const element = make("button", { class: "button button--small", type: "button", "data-testid": testid }, label);
  element.addEventListener("click", () => act(element));
  return element;
}

async function copy(element) {
  try {
    await navigator.clipboard.writeText(currentCode());
    element.textContent = t("Copied");
  } catch { element.textContent = t("Not allowed here"); }
}

function use(field) {
  field.value = currentCode();
  field.dispatchEvent(new Event("input", { bubbles: true }));
  (field.form?.querySelector("[data-testid=confirm]") ?? field).focus();
}

function tick() {
  const bar = panel.querySelector("progress");
  if (bar) bar.value = Math.max(0, (until - performance.now()) / 1000);
}

async function scan(source) {
  const response = await fetch(source.dataset.demoScan, {
    method: "POST",
    headers: { "x-doorward-demo": source.dataset.token, "content-type": "application/json" },
    body: JSON.stringify({ uri: source.dataset.uri }),
  });
  if (!response.ok) return;
  source.textContent = t("Scanned");
  source.disabled = true;
  await refreshPhone();
  panel.querySelector("[data-testid=phone-use]")?.focus();
}

for (const source of document.querySelectorAll("[data-demo-scan]")) {
  source.addEventListener("click", () => scan(source));
  source.hidden = false;
}
if (panel) setInterval(tick, 500);
if (panel && !inPlayground) refreshPhone();
