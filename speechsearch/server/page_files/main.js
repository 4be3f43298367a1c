// Joins the page's parts: microphone -> talk -> session -> connection -> screen -> view.

import { Capture } from "./capture.js";
import { Connection } from "./connection.js";
import { Screen, stagesOf } from "./screen.js";
import { Session } from "./session.js";
import { Talk } from "./talk.js";
import { View } from "./view.js";

const TYPING_PAUSE_MS = 150;
const RECOVERY_MS = 500;
const LINGER_MS = 20_000; // the microphone stays open so long for the next request
const TOKEN = "speechsearch.token";
const LOST = "The server was away too long: of what you said only the last minute was kept.";

const screen = new Screen();
const view = new View();
const session = new Session(sessionStorage.getItem(TOKEN) ?? "");
const talk = new Talk({
  send: ({ first, pcm }) => connection.send(session.audio(first, pcm)),
  flush: () => connection.send(session.flush()),
});
const capture = new Capture({ onblock: hear, onsilence: hush, onend: stumble });
const socketUrl = new URL("v1/stream", location.href);
socketUrl.protocol = location.protocol === "https:" ? "wss:" : "ws:";
socketUrl.search = socketUrl.hash = "";
const connection = new Connection(socketUrl, session, { onmessage: follow, onstate: connect });

const endpoints = new Map(); // of utterances without an answer
let lingering = null;
let typing = null;
let acted = true; // on the answer that is shown
let wasFree = false; // when the microphone was lost

// --- the microphone ---------------------------------------------------------------------------

async function open() {
  clearTimeout(lingering);
  if (!screen.hears) return false;
  if (capture.isOpen) return true;
  screen.opening = true;
  draw();
  try {
    await capture.open();
    if (screen.problem !== "token") screen.problem = null;
    return true;
  } catch (error) {
    stumble(error.kind ?? "failed");
    return false;
  } finally {
    screen.opening = false;
    draw();
  }
}

function stumble(kind) {
  if (talk.isOn) wasFree = talk.mode === "free";
  talk.forget();
  screen.problem = kind;
  draw();
  if (kind === "gone") setTimeout(recover, RECOVERY_MS); // another may be there
}

/** A microphone may be there again: go on where one was lost. */
async function recover() {
  if (screen.problem !== "gone" && screen.problem !== "absent") return;
  const goOn = wasFree;
  if (!(await open())) return;
  if (goOn && !talk.isOn) talk.toggle();
  draw();
}

function hear(block) {
  talk.hear(block);
  view.level(talk.isOn ? block.dbfs : -100, performance.now());
  if (talk.mode !== screen.mode) draw();
}

function hush(silent) {
  if (silent && talk.isOn) screen.problem = "silent";
  else if (!silent && screen.problem === "silent") screen.problem = null;
  draw();
}

/** Nothing that is said is heard from now on. */
function stopHearing() {
  talk.forget();
  capture.close();
}

function press() {
  if (!screen.hears) return;
  document.activeElement === view.query && view.query.blur();
  talk.press(performance.now());
  draw();
  if (talk.mode === "held") open();
}

function release() {
  talk.release(performance.now(), capture.isOpen);
  draw();
}

function toggle() {
  if (!screen.hears) return;
  talk.toggle();
  draw();
  if (talk.isOn) open();
}

// --- the server -------------------------------------------------------------------------------

function connect({ state, message, retryMs }) {
  if (state === "connected") {
    const { model, entries, degree } = message;
    screen.degree = degree || "assistance";
    if (!screen.hears) stopHearing();
    if (session.lost) screen.note = LOST;
    session.lost = false;
    screen.connection = { state, model, entries, degree };
    if (screen.problem === "token" || screen.problem === "wrongToken") screen.problem = null;
    if (screen.source === "typed") ask();
  } else if (state === "token") {
    screen.connection = { state };
    screen.problem = session.token ? "wrongToken" : "token";
  } else {
    const reason = message && message.message;
    screen.connection = { state, reason: reason && capital(reason), retryMs };
  }
  draw();
}

function follow(message) {
  if (message.type === "results" && message.id !== session.searches) return; // typed on since
  if (message.type === "vad" && message.state === "speech") startSpeaking();
  if (message.type === "endpoint") endpoints.set(message.utterance, message);
  const t0Ms = capture.heardAtMs(message.end_sample);
  const endpoint = endpoints.get(message.utterance);
  const timed = message.type === "final" && endpoint && Number.isFinite(t0Ms);
  screen.update(message, timed ? stagesOf(message, endpoint, t0Ms, performance.now()) : null);
  if (["final", "nothing", "error"].includes(message.type)) endpoints.delete(message.utterance);
  if (message.type === "final") acted = false;
  if (message.action === "open") openByItself(message);
  draw();
  if (message.type === "final") {
    tell(message, t0Ms);
    report(message.utterance, screen.timings);
  }
}

/** At the degrees partial and full: the first hit, as if it had been chosen. */
async function openByItself({ utterance, hits: [hit] }) {
  if (leadsOut(hit) ? show(hit.url) : await copied(hit.title)) {
    screen.note = `${leadsOut(hit) ? "Opened" : "Copied"} “${hit.title}” by itself.`;
  } else {
    connection.send(session.feedback(utterance, "offered"));
    screen.note = `“${hit.title}” may not open by itself here: allow pop-ups for this page, or press 1.`;
  }
  draw();
}

/** Open an address in a tab of its own that knows nothing of this one; whether the browser let us. */
function show(url) {
  const tab = window.open("", "_blank");
  if (!tab) return false;
  tab.opener = null;
  tab.location.replace(url);
  return true;
}

/** For the server's monitoring: the wait as it was here. */
function report(utterance, timings) {
  const instants = timings && {
    utterance,
    endpoint_ms: Math.max(0, timings.endpoint),
    network_ms: timings.network,
    all_ms: Math.max(0, timings.end_of_speech_to_results),
  };
  connection.send(session.report({ microphone: capture.name?.slice(0, 500), ...instants }));
}

/** For who measures: when an answer is in the document, on the page's and the microphone's clock. */
function tell(final, t0Ms) {
  const { timings } = screen;
  const detail = { final, timings, t0Ms, t3Ms: performance.now(), t3Sample: capture.positionNow() };
  document.dispatchEvent(new CustomEvent("speechsearch:answer", { detail }));
}

function startSpeaking() {
  clearTimeout(typing);
  view.query.value = "";
}

// --- typing and choosing ----------------------------------------------------------------------

function type() {
  clearTimeout(typing);
  if (screen.utterance !== null && !acted) say("typed");
  screen.clear();
  screen.source = "";
  const query = view.query.value.trim();
  if (query) typing = setTimeout(ask, TYPING_PAUSE_MS);
  else session.searches += 1; // what is on its way is wanted no more
  draw();
}

function ask() {
  clearTimeout(typing);
  const query = view.query.value.trim();
  if (!query) return;
  screen.source = "typed";
  connection.send(session.search(query));
}

function choose(place) {
  const hit = screen.hits[place];
  if (!hit) return;
  if (screen.utterance !== null) say("click", hit.id);
  else if (screen.unseen !== null) connection.send(session.feedback(screen.unseen, "click", hit.id));
  screen.unseen = null;
  if (!leadsOut(hit)) copy(hit.title);
}

function say(action, hit = "") {
  acted = true;
  connection.send(session.feedback(screen.utterance, action, hit));
}

const leadsOut = ({ url }) => /^https?:\/\//i.test(url);

async function copy(title) {
  screen.note = (await copied(title)) ? `Copied “${title}”.` : "The browser does not let it be copied.";
  draw();
}

async function copied(title) {
  try {
    await navigator.clipboard.writeText(title);
    return true;
  } catch {
    return false;
  }
}

/** Let what was heard be edited. */
function edit() {
  if (screen.source !== "spoken") return;
  view.query.value = screen.text;
  view.query.select();
  view.form.classList.add("editing");
}

function giveUp() {
  if (screen.utterance !== null && !acted) say("abandon");
  connection.send(session.cancel());
  talk.stop();
  [screen.speaking, screen.waiting] = [false, false];
  draw();
}

// --- the document -----------------------------------------------------------------------------

function draw() {
  screen.mode = talk.mode;
  clearTimeout(lingering);
  if (!talk.isOn && capture.isOpen) lingering = setTimeout(() => capture.close(), LINGER_MS);
  view.render(screen);
}

function capital(text) {
  return text[0].toUpperCase() + text.slice(1);
}

const isButton = (target) => target.closest?.("a, button, input, summary, textarea, select");
const isText = (target) => target.closest?.("input, textarea, select");

view.mic.addEventListener("pointerdown", (event) => {
  if (event.button !== 0) return;
  view.mic.setPointerCapture(event.pointerId);
  press();
});
for (const name of ["pointerup", "pointercancel"]) view.mic.addEventListener(name, release);
view.mic.addEventListener("contextmenu", (event) => event.preventDefault()); // a long touch
view.mic.addEventListener("click", (event) => event.detail === 0 && toggle()); // a screen reader
view.free.addEventListener("click", toggle);
view.query.addEventListener("input", type);
view.query.addEventListener("focus", edit);
view.query.addEventListener("blur", () => view.form.classList.remove("editing"));
view.form.addEventListener("submit", (event) => {
  event.preventDefault();
  screen.clear();
  ask();
});
view.hits.addEventListener("click", (event) => {
  const target = event.target.closest("[data-place]");
  if (target) choose(Number(target.dataset.place));
});
navigator.mediaDevices?.addEventListener("devicechange", recover);
document.getElementById("retry").addEventListener("click", async () => {
  if (screen.problem === "silent") capture.close(); // another may have been chosen
  screen.problem = null;
  if (await open()) talk.isOn || talk.toggle();
  draw();
});
view.token.addEventListener("submit", (event) => {
  event.preventDefault();
  session.token = document.getElementById("token-text").value.trim();
  sessionStorage.setItem(TOKEN, session.token);
  connection.connect();
});

let spaceIsDown = false;
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const { key, target } = event;
  if (key === " " && (target === view.mic || !isButton(target))) {
    event.preventDefault();
    if (!event.repeat) [spaceIsDown] = [true, press()];
  } else if (key === "Escape") {
    giveUp();
  } else if (key === "ArrowDown" || key === "ArrowUp") {
    if (move(target, key === "ArrowDown" ? 1 : -1)) event.preventDefault();
  } else if (key === "/" && !isText(target)) {
    event.preventDefault();
    view.query.focus();
  } else if (/^[1-9]$/.test(key) && !isText(target)) {
    view.hits.querySelector(`[data-place="${key - 1}"]`)?.click();
  }
});
document.addEventListener("keyup", (event) => {
  if (event.key !== " " || !spaceIsDown) return;
  event.preventDefault();
  spaceIsDown = false;
  release();
});
addEventListener("blur", () => spaceIsDown && ((spaceIsDown = false), release()));

/** From the box down into the hits and back, as in a list. */
function move(target, step) {
  const all = [...view.hits.querySelectorAll("[data-place]")];
  const place = all.indexOf(target.closest("[data-place]"));
  if (place < 0 && target !== view.query) return false;
  const next = place + step;
  if (next < 0) view.query.focus();
  else all[next]?.focus();
  return all.length > 0;
}

draw();
connection.connect();
