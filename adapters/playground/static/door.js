// The glass door: what Doorward really did with the last message of this person, step by step.

import { byId, icon, make } from "./dom.js";
import { t } from "./words.js";

const ICONS = { ok: "allowed", no: "denied", asked: "needs_proof", skipped: "skipped", failed: "broken", "not-reached": "not-reached" };
const TONES = { ok: "allowed", no: "denied", asked: "needs_proof", failed: "broken" };
const before = byId("door-words").textContent;

export function showRun(run) {
  byId("door-words").textContent = run ? t("What just happened with “{0}”", run.words) : before;
  byId("steps").replaceChildren(...(run ? run.steps.map(stepElement) : []));
  byId("door-sum").textContent = run?.ms ? t("{0} ms in all", run.ms) : "";
}

function stepElement(step) {
  const reached = step.outcome !== "not-reached" && step.outcome !== "skipped";
  const details = step.details.map(({ label, value }) =>
    make("span", { class: "step__detail" }, make("span", {}, `${t(label)} `), make("span", { class: "step__value" }, t(value))));
  return make("li", {
    class: `step is-${TONES[step.outcome] ?? "none"}${reached ? "" : " step--quiet"}`,
    "data-testid": `step-${step.step}`, "data-outcome": step.outcome,
  },
  make("span", { class: "step__mark" }, icon(ICONS[step.outcome])),
  make("div", { class: "step__text" },
    make("p", { class: "step__title" }, step.outcome === "failed" ? t("{0} failed", t(step.name)) : t(step.title), make("span", { class: step.outcome === "ok" ? "visually-hidden" : "step__word" }, ` ${t(step.word)}`)),
    details.length ? make("p", { class: "step__details" }, ...details) : ""),
  make("span", { class: "step__ms number" }, step.ms == null ? "" : `${step.ms} ms`));
}
