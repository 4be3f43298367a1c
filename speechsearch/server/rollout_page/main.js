// The rollout: asks the server where it stands every two seconds, and does what the administrator wants.

import { fill, text } from "../dom.js";
import { clock, day } from "../words.js";
import { asked, change, consequence, eValue, may, waitingFor } from "./words.js";

const EVERY_MS = 2000;
const PATH = "../v1/rollout";
const WRONG = "That is not the administrator's token: rollout.token, or what is in rollout.token_file.";
const COLUMNS = ["metric", "verdict", "worse by", "observations", "e-value", "fails from"];
const $ = (id) => document.getElementById(id);
let token = ""; // here and nowhere else: gone with the page
let status = null;
let timer = null;
let wanted = "";
let begun = null; // what a start would ask for
let drawn = ""; // what the history that is shown ended with

async function call(path, body) {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const method = body === undefined ? "GET" : "POST";
  const answer = await fetch(PATH + path, { method, headers, body: body && JSON.stringify(body), cache: "no-store" });
  const found = await answer.json();
  if (answer.ok) return found;
  throw Object.assign(new Error(`${found.message}. ${found.hint}`), { status: answer.status, fault: found });
}

async function ask() {
  clearTimeout(timer);
  try {
    await show(await call(""));
  } catch (error) {
    if (error.status === 401) return wantToken(token && WRONG);
    if (error.fault?.code === "not_found") return off();
    say("lost", `the server is out of reach (${error.message}); trying again`);
  }
  timer = setTimeout(ask, document.hidden ? 10 * EVERY_MS : EVERY_MS);
}

function off() {
  say("off", "this server has no rollouts");
  tell("Start it with SPEECHSEARCH_ROLLOUT__TOKEN or rollout.token_file.");
  $("token").hidden = true;
}

function wantToken(why) {
  token = "";
  say("token", "the token is needed");
  tell(why);
  $("known").hidden = true;
  $("token").hidden = false;
  $("token-text").select();
  $("token-text").focus();
}

function say(state, words) {
  document.body.dataset.state = state;
  if ($("state").textContent !== words) $("state").textContent = words;
}

function tell(words) {
  $("told").textContent = words;
  $("told").hidden = !words;
}

// --- where it stands --------------------------------------------------------------------------

async function show(found) {
  status = found;
  $("token").hidden = true;
  $("known").hidden = false;
  say("live", "live");
  document.body.toggleAttribute("data-paused", found.paused);
  $("beginning").hidden = found.phase !== "idle";
  drawStep(found);
  drawVersions(found);
  drawEvidence(found);
  const end = JSON.stringify([found.rollout, found.place, found.paused]);
  if (end !== drawn) drawHistory(await call("/history"));
  drawn = end;
}

function drawStep(found) {
  const { phase, place, places, paused, since_s: since, shares } = found;
  const at = places.indexOf(place);
  $("since").textContent = phase === "idle" ? "no rollout is under way" : `${place}${paused ? ", paused" : ""}, since ${clock(since)}`;
  $("places").replaceChildren(
    ...places.map((name, order) => {
      const item = text("li", name);
      if (order < at) item.dataset.done = "";
      if (order === at) item.setAttribute("aria-current", "step");
      return item;
    }),
  );
  const arms = Object.entries(shares).filter(([, share]) => share > 0);
  $("shares").setAttribute("aria-label", `Sessions: ${arms.map(([arm, share]) => `${arm} ${percent(share)}`).join(", ")}`);
  $("shares").replaceChildren(
    ...arms.map(([arm, share]) => {
      const part = text("span", `${arm} ${percent(share)}`);
      part.dataset.arm = arm;
      part.style.flex = `${share} 1 0`;
      return part;
    }),
  );
  $("about").textContent = waitingFor(found, Date.now() / 1000);
  const can = may(found);
  for (const button of $("acts").children) button.disabled = !can[button.dataset.verb];
}

function percent(share) {
  return `${Number((100 * share).toFixed(2))} %`;
}

function drawVersions({ phase, champion, challenger, parts }) {
  $("champion").textContent = `champion ${champion}`;
  $("challenger").textContent = challenger ? `${phase === "warm" ? "old champion" : "challenger"} ${challenger}` : "no challenger";
  const told = (value) => (typeof value === "string" ? value : JSON.stringify(value));
  fill(
    document.querySelector("#versions tbody"),
    parts.map((one) => [
      one.part,
      one.champion,
      one.challenger,
      one.differs.map((two) => `${two.setting}: ${told(two.champion)} → ${told(two.challenger)}`).join("; ") || (challenger ? "nothing" : ""),
    ]),
    (row) => parts[row].differs.length > 0 && [3],
  );
}

function drawEvidence({ verdict, evidence, compared }) {
  $("verdict").textContent = evidence.length ? verdict : "";
  $("unjudged").hidden = evidence.length > 0;
  $("evidence").hidden = evidence.length === 0;
  fillEvidence(document.querySelector("#evidence tbody"), evidence);
  const { utterances, ...means } = compared;
  const said = Object.entries(means).map(([name, mean]) => `${name.replaceAll("_", " ")} ${Number(mean.toPrecision(3))}`);
  $("compared").textContent = utterances ? `Heard by both: ${utterances} utterances; ${said.join(", ")}.` : "";
}

function fillEvidence(body, evidence) {
  fill(body, evidence.map((one) => [one.name, one.verdict, change(one.worse_by), one.observations, eValue(one.log_evidence), eValue(one.log_needed)]));
  evidence.forEach((one, row) => (body.children[row].dataset.verdict = one.verdict));
}

// --- what has happened ------------------------------------------------------------------------

function drawHistory({ transitions, incidents }) {
  const known = new Set(transitions.map((one) => one.version));
  $("start-known").replaceChildren(...[...known].map((version) => Object.assign(document.createElement("option"), { value: version })));
  fill(
    document.querySelector("#history tbody"),
    transitions.toReversed().map((one) => [day(one.at_s), one.version, one.before, one.after, one.who, one.why]),
  );
  $("calm").hidden = incidents.length > 0;
  $("incidents").replaceChildren(...incidents.toReversed().map(incidentItem));
}

function incidentItem(one) {
  const item = document.createElement("li");
  const counts = `${one.champion_sessions} and ${one.challenger_sessions} sessions judged, ${one.met} of ${one.seen} met it`;
  item.append(text("p", `${day(one.at_s)}: ${one.version} thrown out at ${one.place}: ${one.reason}`), text("p", counts, "small"));
  if (!one.evidence.length) return item;
  const [more, scroll, table, head, body] = ["details", "div", "table", "thead", "tbody"].map((tag) => document.createElement(tag));
  fill(head, [[]]);
  head.firstChild.append(...COLUMNS.map((words) => Object.assign(text("th", words), { scope: "col" })));
  fillEvidence(body, one.evidence);
  table.append(head, body);
  scroll.className = "scroll";
  scroll.append(table);
  more.append(text("summary", "Evidence"), scroll);
  item.append(more);
  return item;
}

// --- what the administrator does --------------------------------------------------------------

$("acts").addEventListener("click", ({ target }) => target.dataset.verb && askWhetherSure(target.dataset.verb, target.textContent));
$("start").addEventListener("submit", (event) => {
  event.preventDefault();
  tell("");
  const written = (name) => $(`start-${name}`).value.trim();
  try {
    begun = asked({ model: written("model"), index: written("index"), settings: written("settings"), version: written("version"), everybody: $("start-switch").checked });
  } catch (error) {
    return tell(error.message);
  }
  askWhetherSure("start", "Start");
});

function askWhetherSure(verb, words) {
  wanted = verb;
  $("sure-title").textContent = `${words}?`;
  $("sure-what").textContent = consequence(verb, status);
  $("why-label").hidden = verb !== "rollback";
  $("why").value = "";
  $("do").textContent = words;
  $("do").dataset.verb = verb;
  $("sure").showModal();
}
$("leave").addEventListener("click", () => $("sure").close());
$("sure-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  $("sure").close();
  tell("");
  const why = $("why").value.trim();
  try {
    await show(await call(`/${wanted}`, { who: "dashboard", ...(why && { why }), ...(wanted === "start" && begun) }));
    if (wanted === "start") $("start").reset();
  } catch (error) {
    if (error.status === 401) return ask();
    tell(error.message);
  }
});
$("token").addEventListener("submit", (event) => {
  event.preventDefault();
  token = $("token-text").value.trim();
  $("token-text").value = "";
  tell("");
  ask();
});
document.addEventListener("visibilitychange", () => document.hidden || !token || ask());
ask();
