// One message of a conversation, and the card in it.

import { icon, make, prose } from "./dom.js";
import { t } from "./words.js";

const WORDS = {
  allowed: t("Allowed"),
  denied: t("Not allowed"),
  needs_proof: t("Proof needed"),
  waiting: t("Waiting"),
  broken: t("Not working"),
};
const clocks = new Map();

/** A time of day in the zone that the cards of this person are written in. */
function timeIn(zone, at) {
  if (!clocks.has(zone)) clocks.set(zone, new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: zone }));
  return clocks.get(zone).format(new Date(at));
}

/** The list item of a post. `about` gives the author's avatar and takes presses and thread answers. */
export function postElement(post, about) {
  if (post.kind === "demo") {
    return make("li", { class: "divider", id: post.id, "data-testid": "divider" }, make("span", {}, t(post.text)));
  }
  const bot = post.kind === "bot";
  const mine = post.author === about.person;
  const item = make("li", {
    class: `post${bot ? " post--bot" : ""}${mine ? " post--mine" : ""}${post.thread ? " post--reply" : ""}${post.onlyYou ? " post--only" : ""}`,
    id: post.id,
    "data-message": post.id,
    "data-testid": "message",
  });
  const head = make("p", { class: "post__head" },
    make("strong", {}, bot ? "Doorward" : post.author),
    bot ? make("span", { class: "post__app" }, "App") : "",
    make("time", { class: "quiet", datetime: post.at, title: about.zone() }, timeIn(about.zone(), post.at)),
    post.edited ? make("span", { class: "quiet" }, t("(edited)")) : "");
  const body = make("div", { class: "post__body" });
  if (post.onlyYou) body.append(make("p", { class: "post__only" }, icon("only-you"), t("Only visible to you")));
  body.append(head);
  if (post.text) body.append(make("p", { class: "post__text" }, post.text));
  if (post.card) body.append(cardElement(post, about));
  if (about.threads && !post.thread && !post.onlyYou) body.append(threadButton(post, about));
  item.append(avatar(bot, post.author, about), body);
  return item;
}

function avatar(bot, author, about) {
  if (bot) return make("span", { class: "avatar avatar--bot", "aria-hidden": "true" }, icon("door"));
  return make("span", { class: `avatar tint-${about.tint(author)}`, "aria-hidden": "true" }, author[0].toUpperCase());
}

function threadButton(post, about) {
  const button = make("button", { class: "post__thread", type: "button", "data-testid": "thread" }, icon("thread"), t("Answer in thread"));
  button.addEventListener("click", () => about.thread(post.id));
  return button;
}

function cardElement(post, about) {
  const card = post.card;
  const element = make("article", { class: `card is-${card.status}`, "data-testid": "card", "data-status": card.status, "aria-label": card.headline });
  if (card.status !== "plain") {
    element.append(make("p", { class: "card__status meaning", "data-testid": "card-status" }, icon(card.status), WORDS[card.status]));
  }
  element.append(make("h2", { class: "card__headline" }, card.headline));
  if (card.body) element.append(prose(card.body));
  if (card.facts.length) element.append(factList(card.facts));
  for (const quote of card.quotes) {
    element.append(quoteElement(t("{0} wrote", quote.author), quote.text));
  }
  if (card.actions.length) {
    element.append(make("div", { class: "card__actions" }, ...card.actions.map((action, at) => actionElement(post, action, at, about))));
  }
  if (card.quiet) element.append(make("p", { class: "card__quiet" }, card.quiet));
  return element;
}

/** What somebody else wrote, apart and marked as theirs. */
export function quoteElement(wrote, text) {
  return make("figure", { class: "quote", "data-testid": "quote" }, make("figcaption", {}, wrote), make("blockquote", {}, text));
}

/** Labelled values. */
export function factList(facts) {
  const rows = facts.map((fact) => make("div", {}, make("dt", {}, fact.label), make("dd", {}, fact.value)));
  return make("dl", { class: "facts" }, ...rows);
}

function actionElement(post, action, at, about) {
  const look = `button${action.style === "primary" ? " button--primary" : ""}${action.style === "danger" ? " button--danger" : ""}`;
  if (action.url) {
    const link = make("a", { class: look, href: action.url, target: "_blank", rel: "noopener", "data-testid": "action", "data-action": at }, action.label, icon("external"), make("span", { class: "visually-hidden" }, ` ${t("(opens in a new tab)")}`));
    link.addEventListener("click", about.leave);
    return link;
  }
  const button = make("button", { class: look, type: "button", "data-testid": "action", "data-action": at }, action.label);
  button.addEventListener("click", () => about.press(post.id, at, button));
  return button;
}
