// The playground: who speaks, where, what is shown. State lives on the server; this page shows it and sends orders.

import { byId, make } from "./dom.js";
import { t } from "./words.js";
import { Server } from "./server.js";
import { postElement } from "./post.js";
import { hideAllDialogs, hideDialog, setUpDialogs, showDialog } from "./dialogs.js";
import { describeComposer, setUpComposer } from "./composer.js";
import { showRun } from "./door.js";
import { refreshPhone } from "./phone.js";

const config = JSON.parse(document.body.dataset.config);
const server = new Server(config.token);
const names = config.people.map((found) => found.name);
const remembered = (key, otherwise) => { try { return localStorage.getItem(key) ?? otherwise; } catch { return otherwise; } };
const remember = (key, value) => { try { localStorage.setItem(key, value); } catch { /* not remembered */ } };

const cookiePerson = document.cookie.match(/(?:^|; )demo_person=([a-z]+)/)?.[1];
let person = names.includes(cookiePerson) ? cookiePerson : names[0];
let state = null;
let place = `dm-${person}`;
let thread = null;
let begun = false;
let tries = new Set(JSON.parse(remembered(`doorward-tour-${config.start}`, "[]")));

// Orders

function toast(text) {
  const element = byId("toast");
  element.textContent = text;
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => { element.textContent = ""; }, 6000);
}

/** Sends an order; true when it went through, else the reason is shown. */
async function order(path, body) {
  try {
    return await server.order(path, body);
  } catch (problem) {
    toast(problem.message);
    return null;
  }
}

function say(text, where = place, inThread = thread) {
  const at = config.tour.findIndex((step) => step.person === person && step.say === text);
  if (at >= 0) tick(at);
  return order("/play/message", { person, conversation: where, thread: inThread, text });
}

/** A step of the tour is done, whoever thought of it. */
function tick(at) {
  tries.add(at);
  remember(`doorward-tour-${config.start}`, JSON.stringify([...tries]));
  showTour();
}

/** The cookie says to our other pages, and to the provider, whose browser session is meant. */
const leave = () => { document.cookie = `demo_person=${person}; path=/; samesite=lax`; };

async function press(message, action, button) {
  button.setAttribute("aria-disabled", "true");
  await order("/play/press", { person, message, action });
  setTimeout(() => button.removeAttribute("aria-disabled"), 600);
}

async function speakAs(name) {
  if (!(await order("/play/person", { person: name }))) return;
  const stays = !place.startsWith("dm-");
  person = name;
  place = stays ? place : `dm-${name}`;
  thread = null;
  state = null;
  hideAllDialogs();
  await listen();
}

// What the server says

function listen() {
  return new Promise((ready) => {
    const heard = (kind, data) => { take[kind]?.(data); if (kind === "state") ready(); };
    server.listen(person, heard, () => toast(t("Connecting again…")));
  });
}

const take = {
  state(data) {
    state = data;
    showFirst(data.untouched && !begun);
    showAll();
    data.dialogs.forEach(showDialog);
    showRun(data.trace);
    refreshPhone();
  },
  message(post) {
    if (!state) return;
    showFirst(false);
    const at = state.posts.findIndex((known) => known.id === post.id);
    if (at < 0) state.posts.push(post);
    else state.posts[at] = post;
    if (post.conversation === place) showPost(post, at >= 0);
  },
  dialog: showDialog,
  "dialog-closed": ({ view }) => hideDialog(view),
  trace: showRun,
  phone: refreshPhone,
  unread(counts) {
    if (!state) return;
    state.unread = counts;
    if (counts[person]?.[place] && document.visibilityState === "visible") server.order("/play/look", { person, conversation: place }).catch(() => {});
    showUnread();
  },
  disabled({ people }) {
    if (!state) return;
    state.disabled = people;
    showDisabled();
  },
};

// Showing

const about = {
  get person() { return person; },
  zone: () => config.people.find((found) => found.name === person)?.zone || Intl.DateTimeFormat().resolvedOptions().timeZone,
  get threads() { return !place.startsWith("dm-"); },
  tint: (name) => Math.max(0, names.indexOf(name)) % 6,
  press,
  leave,
  thread(id) { thread = id; showThreading(); byId("composer").focus(); },
};

function showFirst(yes) {
  const first = byId("first");
  if (yes && first.hidden) requestAnimationFrame(() => byId("first-go").focus({ focusVisible: false }));
  first.hidden = !yes;
  for (const part of document.querySelectorAll("[data-part]")) part.inert = yes;
}

function showAll() {
  if (!state) return;
  showPeople();
  showPlaces();
  showConversation();
  showUnread();
  showDisabled();
  showTour();
  scrollDown();
}

function showPeople() {
  for (const button of document.querySelectorAll("[data-person]")) {
    if (button.dataset.person === person) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
  }
}

function showPlaces() {
  byId("places").replaceChildren(...state.conversations.map((found) => {
    const direct = found.kind === "direct";
    const button = make("button", { class: "place", type: "button", "data-place": found.id, "data-testid": `place-${direct ? "direct" : found.id}`, "aria-current": found.id === place ? "true" : null },
      make("span", { class: "place__name" }, direct ? "Doorward" : `# ${found.title}`),
      direct ? make("span", { class: "quiet small" }, t("direct message")) : "",
      make("span", { class: "count", hidden: true }));
    button.addEventListener("click", () => goTo(found.id));
    return make("li", {}, button);
  }));
}

function goTo(id) {
  place = id.startsWith("dm-") ? `dm-${person}` : id; // the list may still be the one before
  thread = null;
  showAll();
  showPane("chat");
}

/** Replies stand under what they answer. */
function inOrder(posts) {
  const replies = Map.groupBy(posts.filter((post) => post.thread), (post) => post.thread);
  const roots = posts.filter((post) => !post.thread || !posts.some((other) => other.id === post.thread));
  return roots.flatMap((post) => [post, ...(replies.get(post.id) ?? []).filter((reply) => reply !== post)]);
}

function showConversation() {
  const here = state.conversations.find((found) => found.id === place);
  const direct = here?.kind === "direct";
  byId("place-title").textContent = direct ? "Doorward" : `# ${here.title}`;
  byId("place-sub").textContent = `${direct ? t("direct message with {0}", person) : t("channel · everybody here sees it")} · ${t("times: {0}", about.zone())}`;
  describeComposer(direct ? t("Message Doorward, or / for commands") : t("Message #{0}; @doorward asks Doorward", here.title));
  const posts = inOrder(state.posts.filter((post) => post.conversation === place));
  byId("posts").replaceChildren(...posts.map((post) => postElement(post, about)));
  byId("empty").hidden = posts.length > 0;
  byId("empty-text").textContent = direct ? t("Nothing here yet. Ask Doorward something as {0}.", person) : t("Nothing here yet. Requests for leave are posted here for those who decide.");
  showThreading();
  if (state.unread[person]?.[place]) server.order("/play/look", { person, conversation: place }).catch(() => {});
}

function showPost(post, known) {
  const list = byId("posts");
  const made = postElement(post, about);
  if (known) {
    const old = byId(post.id);
    const focused = old?.contains(document.activeElement);
    old?.replaceWith(made);
    if (focused) (made.querySelector("button, a") ?? byId("composer")).focus();
    return;
  }
  byId("empty").hidden = true;
  const near = [...list.children].filter((item) => item.id === post.thread || state.posts.some((other) => other.id === item.id && other.thread === post.thread && post.thread));
  if (near.length) near.at(-1).after(made);
  else list.append(made);
  made.scrollIntoView({ block: "nearest" });
  if (!post.thread) scrollDown();
}

function scrollDown() {
  const box = byId("scroll");
  box.scrollTop = box.scrollHeight;
}

function showThreading() {
  byId("threading").hidden = thread === null;
}

function showCount(element, count) {
  element.hidden = !count;
  element.replaceChildren(...(count ? [String(count), make("span", { class: "visually-hidden" }, ` ${t("unread")}`)] : []));
}

function showUnread() {
  for (const button of document.querySelectorAll("[data-person]")) {
    const name = button.dataset.person;
    showCount(button.querySelector(".count"), name === person ? 0 : state.unread[name]?.[`dm-${name}`]);
  }
  for (const button of document.querySelectorAll("[data-place]")) {
    showCount(button.querySelector(".count"), button.dataset.place === place ? 0 : state.unread[person]?.[button.dataset.place]);
  }
}

function showDisabled() {
  for (const button of document.querySelectorAll("[data-person]")) {
    button.querySelector(".person__off").hidden = !state.disabled.includes(button.dataset.person);
  }
  const off = state.disabled.includes(person);
  byId("account").dataset.enabled = String(!off);
  byId("account-label").textContent = off ? t("Enable {0}'s account", person) : t("Disable {0}'s account", person);
  const { password } = config.people.find((found) => found.name === person);
  byId("account-hint").textContent = password ? t("at the identity provider; password there: {0}", password) : t("at the identity provider");
}

function nextTry() {
  return config.tour.findIndex((_, at) => !tries.has(at));
}

function showTour() {
  const at = nextTry();
  byId("tour").hidden = at < 0 || remembered("doorward-tour", "") === "away";
  if (at < 0) return;
  const { person: who, say: words, why } = config.tour[at];
  byId("tour-text").replaceChildren(make("strong", {}, t("As {0}: “{1}”", who, words)), make("span", { class: "tour__why quiet" }, ` ${why}`));
}

async function takeTour(at) {
  const step = config.tour[at];
  place = `dm-${step.person}`;
  if (person !== step.person) await speakAs(step.person);
  place = `dm-${step.person}`;
  thread = null;
  showAll();
  showPane("chat");
  await say(step.say, place, null);
}

function showPane(pane) {
  document.body.dataset.pane = pane;
  for (const button of document.querySelectorAll("[data-pane-button]")) {
    if (button.dataset.paneButton === pane) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
  }
  if (pane === "chat") scrollDown();
}

// Controls

byId("first-go").addEventListener("click", async () => {
  begun = true;
  showFirst(false);
  await takeTour(0);
  byId("composer").focus();
});
for (const button of document.querySelectorAll("[data-person]")) {
  button.addEventListener("click", async () => { await speakAs(button.dataset.person); showPane("chat"); });
}
for (const button of document.querySelectorAll("[data-pane-button]")) {
  button.addEventListener("click", () => showPane(button.dataset.paneButton));
}
byId("hour").addEventListener("click", async () => { if (await order("/play/hour", {})) refreshPhone(); });
byId("account").addEventListener("click", () => order("/play/account", { person, enabled: byId("account").dataset.enabled !== "true" }));
byId("tour-go").addEventListener("click", () => takeTour(nextTry()));
byId("tour-close").addEventListener("click", () => { remember("doorward-tour", "away"); showTour(); byId("composer").focus(); });
byId("unthread").addEventListener("click", () => { thread = null; showThreading(); byId("composer").focus(); });

const look = byId("look");
const chat = document.querySelector(".chat");
look.value = remembered("doorward-look", "slack");
chat.dataset.look = look.value;
look.addEventListener("change", () => { chat.dataset.look = look.value; remember("doorward-look", look.value); });

setUpComposer(config.commands, (text) => say(text));
setUpDialogs({
  submit: (view, fields) => order("/play/dialog/submit", { person, view, fields }),
  cancel: (view) => order("/play/dialog/cancel", { person, view }),
  leave,
});
addEventListener("resize", scrollDown);
// Another tab may have changed who this browser speaks as.
addEventListener("focus", () => { if (state) { leave(); refreshPhone(); } });

await speakAs(person);
