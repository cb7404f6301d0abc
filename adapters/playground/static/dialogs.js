// The one dialog on the screen, as a platform would show it: what is signed, the fields, a code from the phone.

import { byId, icon, make, prose } from "./dom.js";
import { t } from "./words.js";
import { factList, quoteElement } from "./post.js";
import { currentCode } from "./phone.js";

const element = byId("dialog");
let shown = null;
let acts = null;

/** `actions` has submit(view, fields), cancel(view), and leave() for links to our pages. */
export function setUpDialogs(actions) {
  acts = actions;
  element.addEventListener("cancel", (event) => { event.preventDefault(); cancel(); });
}

function cancel() {
  const view = shown;
  hideDialog(view);
  if (view) acts.cancel(view);
}

export function hideDialog(view) {
  if (shown !== view) return;
  shown = null;
  element.close();
  element.replaceChildren();
}

export function hideAllDialogs() {
  hideDialog(shown);
}

export function showDialog(dialog) {
  shown = dialog.view;
  const form = make("form", { class: "dialog__form stack", method: "dialog", novalidate: true, autocomplete: "off" });
  form.append(make("header", { class: "dialog__head" }, make("h2", { id: "dialog-title" }, dialog.title), closeButton()));
  if (dialog.loading) form.append(make("p", { class: "dialog__loading quiet", role: "status" }, "One moment…"));
  if (dialog.body) form.append(prose(dialog.body));
  if (dialog.signed.length) form.append(make("div", { class: "signing" }, factList(dialog.signed)));
  form.append(...dialog.quotes.map((quote) => quoteElement(quote.author, quote.text)));
  form.append(...dialog.fields.map(fieldElement), ...dialog.links.map((link) => linkElement(link, !dialog.submit)));
  if (!dialog.loading) form.append(buttons(dialog));
  form.addEventListener("submit", (event) => { event.preventDefault(); submit(form, dialog); });
  element.replaceChildren(form);
  if (!element.open) element.showModal();
  (form.querySelector("input") ?? form.querySelector("[data-testid=dialog-submit]"))?.focus();
}

function closeButton() {
  const button = make("button", { class: "button button--bare button--icon", type: "button", "aria-label": t("Close"), "data-testid": "dialog-close" }, icon("close"));
  button.addEventListener("click", cancel);
  return button;
}

function buttons(dialog) {
  const no = make("button", { class: "button", type: "button", "data-testid": "dialog-cancel" }, dialog.submit ? t("Cancel") : t("Close"));
  no.addEventListener("click", cancel);
  const yes = make("button", { class: "button button--primary", "data-testid": "dialog-submit" }, dialog.submit);
  return make("div", { class: "dialog__buttons" }, no, dialog.submit ? yes : "");
}

/** Where there is nothing to send, the link is what the dialog is for. */
function linkElement(link, primary) {
  const element = make("a", { class: primary ? "button button--primary" : "button", href: link.url, target: "_blank", rel: "noopener", "data-testid": "dialog-link" },
    link.label, icon("external"), make("span", { class: "visually-hidden" }, ` ${t("(opens in a new tab)")}`));
  element.addEventListener("click", () => { acts.leave(); cancel(); });
  return element;
}

/** Boxes to tick; what is sent are the positions of the ticked ones. */
function choicesElement(field) {
  const id = `field-${field.name}`;
  const boxes = field.options.map((label, position) => make("label", { class: "choice" },
    make("input", { type: "checkbox", value: String(position), "data-testid": `dialog-choice-${position}` }), make("span", {}, label)));
  const all = make("button", { class: "button button--small", type: "button", "data-testid": "dialog-choose-all" }, t("Tick all"));
  all.addEventListener("click", () => boxes.forEach((box) => { box.firstChild.checked = true; }));
  const error = make("p", { class: "field-error", id: `${id}-error`, role: "alert", hidden: true, "data-testid": `dialog-error-${field.name}` });
  const wrapped = make("fieldset", { class: "field choices", "data-field": field.name, "aria-describedby": `${id}-hint ${id}-error` },
    make("legend", {}, field.label), make("p", { class: "hint", id: `${id}-hint` }, field.hint), all, ...boxes, error);
  if (field.error) sayError(wrapped, field.error);
  return wrapped;
}

function fieldElement(field) {
  if (field.kind === "choices") return choicesElement(field);
  const code = field.kind === "code";
  const id = `field-${field.name}`;
  const input = make("input", {
    class: `input${code ? " input--code" : ""}`, id, name: field.name, type: field.kind === "date" ? "date" : "text", maxlength: code ? 8 : 500,
    value: field.value || null, inputmode: code ? "numeric" : null, autocomplete: code ? "one-time-code" : "off", placeholder: code ? "••••••" : null,
    "aria-describedby": `${id}-hint ${id}-error`, "data-testid": `dialog-field-${field.name}`,
  });
  const label = make("label", { for: id }, field.label, field.optional ? make("span", { class: "quiet" }, ` ${t("(optional)")}`) : "");
  const error = make("p", { class: "field-error", id: `${id}-error`, role: "alert", hidden: true, "data-testid": `dialog-error-${field.name}` });
  const wrapped = make("div", { class: "field", "data-field": field.name }, label, input, code ? useButton(input) : "",
    make("p", { class: "hint", id: `${id}-hint` }, field.hint), error);
  if (field.error) sayError(wrapped, field.error);
  return wrapped;
}

function useButton(input) {
  const code = currentCode();
  if (!code) return "";
  const button = make("button", { class: "button button--small", type: "button", "data-testid": "dialog-use-code" }, icon("phone"), t("Use the code on the demo phone"));
  button.addEventListener("click", () => { input.value = currentCode(); input.focus(); });
  return button;
}

function sayError(wrapped, text) {
  const error = wrapped.querySelector(".field-error");
  error.replaceChildren(icon("denied"), make("span", {}, text));
  error.hidden = false;
  wrapped.querySelector("input").setAttribute("aria-invalid", "true");
}

async function submit(form, dialog) {
  if (form.getAttribute("aria-busy") === "true") return;
  form.setAttribute("aria-busy", "true");
  const fields = Object.fromEntries(new FormData(form));
  for (const set of form.querySelectorAll(".choices")) {
    fields[set.dataset.field] = [...set.querySelectorAll("input:checked")].map((box) => box.value).join(",");
  }
  const answer = await acts.submit(dialog.view, fields);
  form.removeAttribute("aria-busy");
  if (!answer || answer.text == null) return;
  const wrapped = form.querySelector(`[data-field="${CSS.escape(answer.field)}"]`) ?? form.querySelector("[data-field]");
  if (!wrapped) return;
  sayError(wrapped, answer.text);
  wrapped.querySelector("input").select();
}
