// Writing a message: Enter sends, a slash offers the commands.

import { byId, make } from "./dom.js";

const input = byId("composer");
const list = byId("completions");
const MOST = 7;
let commands = [];
let chosen = -1;

/** `send(text)` is awaited; the words come back when it fails. */
export function setUpComposer(offered, send) {
  commands = offered;
  byId("composer-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const text = input.value.trim();
    if (!text) return;
    write("");
    if (!(await send(text)) && !input.value) write(text);
  });
  input.addEventListener("input", complete);
  input.addEventListener("keydown", onKey);
  input.addEventListener("blur", () => setTimeout(close, 150));
}

export function write(text) {
  input.value = text;
  complete();
}

export function describeComposer(placeholder) {
  input.placeholder = placeholder;
}

function matching() {
  const typed = input.value.toLowerCase();
  if (!typed.startsWith("/")) return [];
  const found = commands.filter((command) => command.usage.toLowerCase().startsWith(typed) && command.usage.toLowerCase() !== typed);
  return found.slice(0, MOST);
}

function complete() {
  const found = matching();
  chosen = -1;
  list.replaceChildren(...found.map((command, at) => {
    const option = make("li", { class: "completion", role: "option", id: `completion-${at}`, "aria-selected": "false", "data-testid": "completion" },
      make("span", { class: "mono" }, command.usage), make("span", { class: "quiet small" }, command.does));
    option.addEventListener("mousedown", (event) => { event.preventDefault(); take(at); });
    return option;
  }));
  list.hidden = !found.length;
  input.setAttribute("aria-expanded", String(found.length > 0));
  input.removeAttribute("aria-activedescendant");
}

function close() {
  list.hidden = true;
  input.setAttribute("aria-expanded", "false");
}

function choose(at) {
  const options = [...list.children];
  chosen = (at + options.length) % options.length;
  options.forEach((option, place) => option.setAttribute("aria-selected", String(place === chosen)));
  options[chosen].scrollIntoView({ block: "nearest" });
  input.setAttribute("aria-activedescendant", options[chosen].id);
}

function take(at) {
  const usage = matching()[at]?.usage;
  if (!usage) return;
  const fixed = usage.replace(/ [A-Z]{2,}.*$/, " ");
  write(fixed);
  if (!fixed.endsWith(" ")) close();
  input.focus();
}

function onKey(event) {
  if (list.hidden) return;
  if (event.key === "ArrowDown") choose(chosen + 1);
  else if (event.key === "ArrowUp") choose(chosen - 1);
  else if (event.key === "Escape") close();
  else if (event.key === "Tab" && !event.shiftKey) take(Math.max(chosen, 0));
  else if (event.key === "Enter" && chosen >= 0) take(chosen);
  else return;
  event.preventDefault();
}
