// The phones, live. What is shown is read from sim/phones and sim/conversation and kept up by the events of
// sim/events; after every loss of the connection it is read anew. Texts reach the page as textContent only.

const SHOWN = 200; // phones in the list, bubbles on a phone: what the server gives
const PAUSE = 50; // milliseconds between two paintings, however many SMS arrive
const UNTITLED = document.title;
const READ_MARKS = `brevdue.read.${document.body.dataset.provider}`;

const at = (id) => document.getElementById(id);
const provider = new URLSearchParams(location.search).get("provider");
const narrow = matchMedia("(max-width: 760px)");
const cases = new Map([...document.querySelectorAll("[data-digits]")].map((row) => [row.dataset.digits, row.cells[1].textContent]));
const phones = new Map(); // E.164 -> {phone, shown, last}
const readUntil = new Map(recall()); // E.164 -> when the latest message was that a person has seen
const drafts = new Map(); // E.164 -> an answer that was begun
let current = ""; // the phone that is open
let talk = []; // its messages, oldest first
let known = false; // whether the list has been read once
let reading = 0; // which reading of a conversation is the latest

// --- what is remembered from visit to visit

function recall() {
  try {
    return Object.entries(JSON.parse(localStorage.getItem(READ_MARKS)) ?? {});
  } catch {
    return [];
  }
}

function markRead(phone) {
  const last = phones.get(phone)?.last;
  if (!last || document.hidden || readUntil.get(phone) >= last.at) return;
  readUntil.set(phone, last.at);
  try {
    localStorage.setItem(READ_MARKS, JSON.stringify(Object.fromEntries([...readUntil].slice(-SHOWN))));
  } catch {
    // private windows and full stores forget
  }
}

const isUnread = ({ phone, last }) => last.kind === "received" && !(readUntil.get(phone) >= last.at);

// --- times, in the viewer's zone

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const weekday = new Intl.DateTimeFormat("en-GB", { weekday: "long", day: "numeric", month: "long" });
const shortDay = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const whole = new Intl.DateTimeFormat("en-GB", { dateStyle: "full", timeStyle: "long" });

function daysAgo(when) {
  const midnight = (date) => new Date(date.getFullYear(), date.getMonth(), date.getDate());
  return Math.round((midnight(new Date()) - midnight(when)) / 86400000);
}

const dayName = (when) => ["Today", "Yesterday"][daysAgo(when)] ?? weekday.format(when);

function timeOf(seconds, words) {
  const when = new Date(seconds * 1000);
  const time = make("time", "", words(when));
  time.dateTime = when.toISOString();
  time.title = whole.format(when);
  return time;
}

// --- making elements

function make(tag, className, text = "") {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.textContent = text;
  return element;
}

function say(alert, words) {
  alert.hidden = !words;
  alert.textContent = words;
}

// --- the list

function paintList() {
  const latest = [...phones.values()].sort((a, b) => b.last.at - a.last.at);
  for (const dropped of latest.splice(SHOWN)) phones.delete(dropped.phone);
  const focused = document.activeElement?.closest?.("#phones a")?.hash;
  at("phones").replaceChildren(...latest.map(listItem));
  if (focused) [...at("phones").querySelectorAll("a")].find((link) => link.hash === focused)?.focus();
  const unread = latest.filter(isUnread).length;
  document.title = unread ? `(${unread}) ${UNTITLED}` : UNTITLED;
  at("no-phones").hidden = latest.length > 0 || !known;
}

function listItem(entry) {
  const { phone, shown, last } = entry;
  const link = make("a", isUnread(entry) ? "unread" : "");
  link.href = `#${phone}`;
  if (phone === current) link.setAttribute("aria-current", "true");
  const number = make("span", "number", shown);
  if (isUnread(entry)) number.append(make("span", "unseen", " (not read)"));
  const words = last.kind === "sent" ? `You: ${last.text}` : last.text;
  const text = make("span", "last", words.slice(0, 160).replace(/\s+/g, " "));
  text.dir = "auto";
  link.append(make("span", "dot"), number, timeOf(last.at, (when) => (daysAgo(when) ? shortDay : clock).format(when)), text);
  const special = cases.get(phone.slice(-6));
  if (special) link.append(make("span", "case", special));
  const item = make("li", "");
  item.append(link);
  return item;
}

// --- the phone

function paintPhone() {
  at("who").textContent = phones.get(current)?.shown ?? current;
  const log = at("talk");
  const wasAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  const changed = log.dataset.phone !== current;
  const wanted = bubbles();
  const goesOn = !changed && [...log.children].every((child, place) => child.dataset.name === wanted[place]?.dataset.name);
  log.setAttribute("aria-live", goesOn ? "polite" : "off"); // what is new is read out, not the whole phone again
  if (goesOn) {
    const fresh = wanted.slice(log.children.length);
    for (const child of fresh) child.classList.add("fresh");
    log.append(...fresh);
  } else {
    log.replaceChildren(...wanted);
  }
  log.dataset.phone = current;
  if (changed || wasAtEnd) log.scrollTop = log.scrollHeight;
  paintNumbers();
}

function bubbles() {
  const children = talk.length ? [] : [note("Nothing here yet.")];
  let previous = null;
  for (const message of talk) {
    const when = new Date(message.at * 1000);
    const newDay = !previous || new Date(previous.at * 1000).toDateString() !== when.toDateString();
    if (newDay) children.push(note(dayName(when)));
    const turned = newDay || previous.peer !== message.peer || previous.kind !== message.kind;
    children.push(bubble(message, turned));
    previous = message;
  }
  return children;
}

function note(words) {
  const day = make("p", "day", words);
  day.dataset.name = words;
  return day;
}

function bubble(message, turned) {
  const sms = make("div", `sms ${message.kind}`);
  sms.dataset.name = nameOf(message);
  if (turned) sms.append(make("span", "peer", `${message.kind === "received" ? "From" : "To"} ${message.peer_shown}`));
  const text = make("div", "bubble", message.text);
  text.dir = "auto";
  const foot = make("span", "foot");
  foot.append(timeOf(message.at, (when) => clock.format(when)), cost(message));
  sms.append(text, foot);
  return sms;
}

function cost({ parts = 1, encoding }) {
  const unicode = encoding === "ucs2";
  if (parts <= 1 && !unicode) return "";
  return ` · ${parts} SMS${unicode ? " · Unicode" : ""}`;
}

const nameOf = (message) => `${message.kind} ${message.id} ${message.at}`;

// Whom an answer goes to: who wrote last, unless a person has chosen another of our numbers on this phone.
function paintNumbers() {
  const select = at("answer-to");
  const peers = new Map(talk.toReversed().map((message) => [message.peer, message.peer_shown]));
  const chosen = select.dataset.chosen === current && peers.has(select.value) ? select.value : [...peers.keys()][0];
  select.replaceChildren(...[...peers].map(([peer, shown]) => new Option(shown, peer)));
  select.value = chosen ?? "";
  at("answer").hidden = peers.size === 0; // nobody to answer
}

async function openPhone(phone) {
  if (current && current !== phone) drafts.set(current, at("answer-text").value);
  if (current !== phone) talk = [];
  const changed = current !== phone;
  current = phone;
  if (!phone) return paint();
  const special = cases.get(phone.slice(-6));
  at("case").textContent = special ?? "";
  at("case").hidden = !special;
  if (changed) {
    at("answer-text").value = drafts.get(phone) ?? "";
    say(at("answer").querySelector(".fault"), "");
    fitAnswer();
  }
  const number = ++reading;
  const messages = await get("conversation", { phone });
  if (number !== reading || current !== phone) return;
  const read = new Set(messages.map(nameOf));
  const newer = talk.filter((message) => message.at >= (messages.at(-1)?.at ?? 0) && !read.has(nameOf(message)));
  talk = [...messages, ...newer].slice(-SHOWN);
  paint();
  if (changed) at("phones").querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" });
  const focused = document.activeElement; // a person who is elsewhere by now is left there
  const free = focused === document.body || focused?.hash === `#${phone}`;
  if (changed && free && !narrow.matches) at("answer-text").focus({ preventScroll: true });
}

// --- painting, at most once per PAUSE

let due = 0;
let pressed = false; // a press on the list that is not let go yet: a link that is made anew meanwhile would swallow it

document.addEventListener("pointerdown", (event) => {
  pressed = Boolean(event.target.closest("#phones"));
});
for (const end of ["pointerup", "pointercancel"]) {
  document.addEventListener(end, () => {
    if (pressed) paintSoon();
    pressed = false;
  });
}

function paintSoon() {
  due ||= setTimeout(paint, PAUSE);
}

function paint() {
  clearTimeout(due);
  due = 0;
  const empty = known && phones.size === 0 && !current;
  document.body.dataset.view = current ? "phone" : empty ? "empty" : "list";
  at("handset").hidden = !current;
  at("welcome").hidden = Boolean(current) || !known;
  if (current) {
    markRead(current);
    paintPhone();
  }
  if (!pressed) paintList();
}

function choose() {
  const asked = decodeURIComponent(location.hash.slice(1));
  if (asked === "phone") return; // the skip link
  const phone = /^\+[0-9]{5,18}$/.test(asked) ? asked : "";
  openPhone(phone).catch(() => {}); // the connection's own words tell
}

// On a wide window something is open as soon as there is something.
function chooseLatest() {
  const [first] = [...phones.values()].sort((a, b) => b.last.at - a.last.at);
  if (current || narrow.matches || !first) return;
  history.replaceState(null, "", `#${first.phone}`);
  choose();
}

// --- talking to the server

function address(what, query = {}) {
  const wanted = new URLSearchParams(provider ? { ...query, provider } : query);
  return `sim/${what}${wanted.size ? `?${wanted}` : ""}`;
}

async function get(what, query) {
  const response = await fetch(address(what, query));
  if (!response.ok) throw new Error(response.statusText);
  return response.json();
}

async function send(form) {
  if (provider) form.provider = provider;
  let response;
  try {
    response = await fetch("sim/inbound", { method: "POST", body: new URLSearchParams(form) });
  } catch {
    throw new Error("The gateway cannot be reached. Your text is still here: try again in a moment.");
  }
  if (!response.ok) {
    const problem = await response.json().catch(() => ({}));
    throw new Error(problem.detail ?? `The gateway answered ${response.status}.`);
  }
}

let heard = new Map(); // what came in while the list was on its way: it may not be in it

async function refresh() {
  heard = new Map();
  const list = await get("phones");
  phones.clear();
  for (const entry of [...list, ...heard.values()]) {
    if (!(phones.get(entry.phone)?.last.at > entry.last.at)) phones.set(entry.phone, entry);
  }
  known = true;
  if (current) await openPhone(current);
  else paint();
  chooseLatest();
}

function hear(message) {
  const { phone, phone_shown: shown } = message;
  const entry = { phone, shown, last: message };
  phones.set(phone, entry);
  heard.set(phone, entry);
  if (phone === current) {
    if (!talk.some((each) => nameOf(each) === nameOf(message))) talk.push(message); // it may have been read already
    if (talk.length > SHOWN) talk.shift();
  } else if (message.kind === "received") {
    at("news").textContent = `New SMS on ${shown}: ${message.text.slice(0, 200)}`;
  }
  paintSoon();
  chooseLatest();
}

let stream = null;
let again = 0;

function listen() {
  clearTimeout(again);
  stream?.close();
  stream = new EventSource(address("events"));
  stream.onopen = () => {
    show("live", "live");
    refresh().catch(() => show("lost", "reading again"));
  };
  stream.onmessage = (event) => hear(JSON.parse(event.data));
  stream.onerror = () => {
    show("lost", "connection lost, trying again");
    if (stream.readyState === EventSource.CLOSED) again = setTimeout(listen, 2000); // a refusal ends the browser's own tries
  };
}

function show(state, words) {
  const link = document.querySelector(".link");
  if (link.dataset.state === state) return;
  link.dataset.state = state;
  link.querySelector(".words").textContent = words;
}

// --- the answer box

function fitAnswer() {
  const box = at("answer-text");
  box.style.height = "auto";
  box.style.height = `${box.scrollHeight + 2}px`;
  box.style.overflowY = box.scrollHeight > box.clientHeight + 2 ? "auto" : "hidden"; // only where it is full
}

at("answer-text").addEventListener("input", fitAnswer);
at("answer-to").addEventListener("change", (event) => (event.target.dataset.chosen = current));
at("answer-text").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
  event.preventDefault();
  at("answer").requestSubmit();
});

at("answer").addEventListener("submit", async (event) => {
  event.preventDefault();
  const box = at("answer-text");
  const [phone, text] = [current, box.value];
  const button = event.target.querySelector("button");
  if (!text.trim() || button.disabled) return;
  button.disabled = true;
  say(event.target.querySelector(".fault"), "");
  try {
    await send({ from: phone, to: at("answer-to").value, text });
    drafts.delete(phone);
    if (current === phone && box.value === text) {
      box.value = "";
      fitAnswer();
    }
    if (stream.readyState !== EventSource.OPEN) await refresh();
  } catch (error) {
    say(event.target.querySelector(".fault"), error.message);
  } finally {
    button.disabled = false;
  }
});

// --- a new phone

const writer = at("writer");

function write() {
  const own = new Map([...phones.values()].map(({ last }) => [last.peer, last.peer_shown]));
  for (const { peer, peer_shown: shown } of talk) own.set(peer, shown);
  at("own-numbers").replaceChildren(...[...own.values()].map((shown) => new Option(shown)));
  if (!at("write-to").value && own.size) at("write-to").value = [...own.values()][0];
  say(at("write").querySelector(".fault"), "");
  writer.showModal();
}

// What people write between digits; a leading 00 is the plus.
function asE164(written) {
  const number = written.replace(/[\s().\-/\u200e\u200f\u202a-\u202e\u2060-\u2069]/gu, "").replace(/^00/, "+");
  return /^\+[1-9][0-9]{4,17}$/.test(number) ? number : "";
}

function wrongField({ from, to, text }) {
  if (!asE164(from.value)) return [from, "From: a phone number with its country code, such as +45 30 64 30 64."];
  if (!asE164(to.value)) return [to, "To: one of your numbers, with its country code."];
  if (!text.value.trim()) return [text, "Write a text."];
  return [null, ""];
}

at("write").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const { from, to, text } = form.elements;
  const [wrong, words] = wrongField(form.elements);
  for (const field of [from, to, text]) field.setAttribute("aria-invalid", String(field === wrong));
  say(form.querySelector(".fault"), words);
  if (wrong) return wrong.focus();
  const button = form.querySelector("[type=submit]");
  if (button.disabled) return;
  button.disabled = true; // pressed twice, it is one SMS
  try {
    await send({ from: asE164(from.value), to: asE164(to.value), text: text.value });
    writer.close();
    location.hash = asE164(from.value);
    text.value = "";
  } catch (error) {
    say(form.querySelector(".fault"), error.message);
  } finally {
    button.disabled = false;
  }
});

at("write").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) at("write").requestSubmit();
});
at("new-phone").addEventListener("click", write);
at("welcome-new").addEventListener("click", write);
at("write-cancel").addEventListener("click", () => writer.close());

// --- keys, windows, beginning

at("phones").addEventListener("keydown", (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const links = [...at("phones").querySelectorAll("a")];
  const next = step && links[links.indexOf(document.activeElement) + step];
  if (!next) return;
  event.preventDefault();
  next.focus();
});
addEventListener("hashchange", choose);
document.addEventListener("visibilitychange", paintSoon);
addEventListener("pagehide", () => stream.close());
addEventListener("pageshow", (event) => event.persisted && listen());

choose();
listen();
