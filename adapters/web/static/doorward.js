// What every page of Doorward does in the browser: the theme switch, countdowns, copying, one submission a form.
// Every page works without it; nothing here decides anything.

const systemIsDark = matchMedia("(prefers-color-scheme: dark)");

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : systemIsDark.matches;
}

function showTheme(button) {
  button.setAttribute("aria-pressed", String(isDark()));
}

function switchTheme() {
  const next = isDark() ? "light" : "dark";
  document.documentElement.dataset.theme = next;
  try { localStorage.setItem("doorward-theme", next); } catch { /* not remembered, still switched */ }
  document.querySelectorAll("[data-theme-switch]").forEach(showTheme);
}

for (const button of document.querySelectorAll("[data-theme-switch]")) {
  button.hidden = false;
  showTheme(button);
  button.addEventListener("click", switchTheme);
}

/** Minutes and seconds, as 4:41. */
export function clockText(seconds) {
  const whole = Math.max(0, Math.ceil(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

function runCountdown(element) {
  const until = performance.now() + Number(element.dataset.countdown) * 1000;
  const said = document.getElementById(element.dataset.says ?? "");
  const moments = new Set([60, 30, 10]);
  let timer = 0;
  function tick() {
    const left = (until - performance.now()) / 1000;
    element.textContent = clockText(left);
    const whole = Math.ceil(left);
    if (said && moments.delete(whole)) said.textContent = (element.dataset.left ?? "").replace("{}", String(whole));
    if (left > 0) return;
    clearInterval(timer);
    element.dispatchEvent(new CustomEvent("countdown:over", { bubbles: true }));
  }
  timer = setInterval(tick, 250);
  tick();
}

document.addEventListener("countdown:over", () => {
  for (const part of document.querySelectorAll("[data-gone-at-zero]")) part.replaceChildren();
  for (const part of document.querySelectorAll("[data-shown-at-zero]")) part.hidden = false;
  for (const button of document.querySelectorAll("[data-off-at-zero]")) button.disabled = true;
  document.querySelector("form[data-sent-at-zero]")?.requestSubmit();
});
document.querySelectorAll("[data-countdown]").forEach(runCountdown);

async function copyFrom(button) {
  const source = document.getElementById(button.dataset.copy);
  await navigator.clipboard.writeText(source.dataset.value ?? source.textContent.trim());
  const before = button.textContent;
  button.textContent = button.dataset.done;
  setTimeout(() => { button.textContent = before; }, 2000);
}
for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", () => copyFrom(button));
}

for (const form of document.querySelectorAll("form[method=post]")) {
  form.addEventListener("submit", (event) => {
    if (form.getAttribute("aria-busy") === "true") event.preventDefault();
    form.setAttribute("aria-busy", "true");
  });
}

// What is shown once leaves the page with its reader, before the browser can keep a copy to go back to.
addEventListener("pagehide", () => {
  for (const part of document.querySelectorAll("[data-gone-at-zero]")) part.replaceChildren();
});

// A page brought back from the browser's memory may show what has ended since.
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
