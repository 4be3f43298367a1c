// The dashboard: asks the server for its numbers every two seconds and draws them.

import { Charts } from "./charts.js";
import { fill, text } from "./dom.js";
import { band, clock, day, isOut, lasted, said } from "./words.js";

const EVERY_MS = 2000;
const TOKEN = "speechsearch.token"; // the page's own
const LATENCY = new Set(["all_ms", "slow", "endpoint_ms", "wait_ms", "decode_ms", "search_ms"]);
const LEGIBLE_PX = 110; // a narrower part of the bar says nothing: the table below does
const BUDGET = ["endpoint_ms", "network_ms", "wait_ms"];
const PARTS = {
  endpoint_ms: "endpoint: sure that you have finished",
  network_ms: "network: there and back",
  wait_ms: "wait: for the server, after the endpoint",
  queue_ms: "queue (mostly in the pause before the endpoint)",
  decode_ms: "acoustic model (in the pause)",
  hypothesis_ms: "text (in the pause)",
  search_ms: "search (in the pause)",
  all_ms: "all, as the client saw it",
};
const $ = (id) => document.getElementById(id);
const charts = Object.fromEntries(
  ["latency", "input", "output", "software"].map((kind) => [kind, new Charts($(`${kind}-charts`))]),
);
let span = 3600;
let timer = null;

async function ask() {
  clearTimeout(timer);
  try {
    const answer = await call(`v1/monitoring?span=${span}`);
    if (answer.status === 401) return wantToken();
    if (answer.status === 404) return say("off", "monitoring is off: monitoring.enabled");
    if (!answer.ok) throw new Error(`the server says ${answer.status}`);
    draw(await answer.json());
  } catch (error) {
    say("lost", `the server is out of reach (${error.message}); trying again`);
  }
  timer = setTimeout(ask, document.hidden ? 10 * EVERY_MS : EVERY_MS);
}

function call(path, body) {
  const token = sessionStorage.getItem(TOKEN);
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const method = body === undefined ? "GET" : "POST";
  return fetch(path, { method, headers, body: body && JSON.stringify(body), cache: "no-store" });
}

function wantToken() {
  say("token", "the token is needed");
  $("token").hidden = false;
  $("token-text").focus();
}

function say(state, words) {
  document.body.dataset.state = state;
  if ($("state").textContent !== words) $("state").textContent = words;
}

function draw(all) {
  $("token").hidden = true;
  say("live", all.dropped ? `live; ${all.dropped} records were dropped` : "live");
  drawAlarms(all);
  drawPipeline(all);
  drawBudget(all);
  const at = [all.span_s, all.now_s];
  charts.latency.draw(all.series.filter(({ name }) => LATENCY.has(name)), ...at);
  for (const kind of ["input", "output", "software"]) {
    charts[kind].draw(all.series.filter((one) => one.kind === kind && !LATENCY.has(one.name)), ...at);
  }
  drawDrift(all.drift);
  drawUtterances(all.utterances);
  drawThresholds(all);
}

// --- alarms -----------------------------------------------------------------------------------

let shown = "";

function drawAlarms({ alarms, now_s: now }) {
  const { in_force: inForce, past, silences } = alarms;
  const key = JSON.stringify([inForce, silences]);
  $("calm").hidden = inForce.length > 0;
  if (key !== shown) $("in-force").replaceChildren(...inForce.map((one) => alarmItem(one, silences, now)));
  shown = key;
  fill(
    $("past"),
    past.map((one) => [
      day(one.raised_s),
      one.cleared_s ? lasted(one.cleared_s - one.raised_s) : "in force",
      `${one.severity} ${one.rule}${one.acknowledged_by ? `, ${one.acknowledged_by} looked after it` : ""}`,
      one.stage,
      one.cause,
    ]),
  );
}

function alarmItem(one, silences, now) {
  const item = document.createElement("li");
  item.dataset.severity = one.severity;
  item.dataset.rule = one.rule;
  const title = document.createElement("p");
  const strong = document.createElement("strong");
  strong.textContent = `${one.severity}: ${one.rule}`;
  title.append(strong, ` in ${one.stage}, since ${clock(one.raised_s)}`);
  const quiet = Math.max(silences[one.rule] ?? 0, silences["*"] ?? 0);
  const acts = document.createElement("div");
  acts.className = "acts";
  if (one.acknowledged_by) acts.append(text("span", `${one.acknowledged_by} looks after it`));
  else acts.append(act("I look after it", "v1/alarms/ack", { rule: one.rule, who: "dashboard" }));
  if (quiet > now) acts.append(text("span", `silenced until ${clock(quiet)}`));
  else acts.append(act("Silence for an hour", "v1/alarms/silence", { rule: one.rule, seconds: 3600 }));
  item.append(title, text("p", one.cause), text("p", one.runbook, "small"), acts);
  return item;
}

function act(words, path, body) {
  const button = text("button", words, "act");
  button.type = "button";
  button.addEventListener("click", async () => {
    button.disabled = true;
    await call(path, body);
    ask();
  });
  return button;
}

// --- the pipeline -----------------------------------------------------------------------------

const SHOWN = {
  capture: ["level_dbfs", "snr_db"],
  vad: ["endpoint_ms", "speech_share"],
  wire: ["network_ms", "bad_audio"],
  asr: ["decode_ms", "confidence", "null_transcript"],
  search: ["search_ms", "zero_results"],
  outcome: ["all_ms", "redo", "clicked"],
};
const HEALTH = { ok: "well", warning: "warning", alert: "alert", quiet: "nothing measured" };

function drawPipeline({ stages, series, versions }) {
  const byName = Object.fromEntries(series.map((one) => [one.name, one]));
  const items = stages.map(({ name, words, state }) => {
    const item = document.createElement("li");
    item.dataset.stage = name;
    item.dataset.health = state;
    item.append(text("h3", words), text("p", HEALTH[state], "health"));
    for (const one of SHOWN[name].map((shownName) => byName[shownName])) {
      const line = text("p", `${one.words} `);
      line.append(text("b", said(one.now, one.unit)));
      item.append(line);
    }
    return item;
  });
  $("pipeline").replaceChildren(...items);
  const known = Object.entries(versions).filter(([, value]) => value);
  $("versions").textContent = known.map(([name, value]) => `${name} ${value}`).join(" · ");
}

function drawBudget({ budget, budget_ms: limit, objective, series }) {
  const parts = Object.fromEntries(budget.map((one) => [one.name, one]));
  const whole = parts.all_ms;
  const slow = series.find(({ name }) => name === "slow");
  $("budget-now").textContent = whole.count
    ? `p95 ${said(whole.p95_ms, "ms")} of ${limit} ms; ${said(1 - slow.now, "%")} in time, ${said(objective, "%")} wanted; n ${whole.count}`
    : "no client has told yet";
  const scale = Math.max(limit, whole.p95_ms ?? 0);
  const bars = BUDGET.filter((name) => parts[name].mean_ms).map((name) => {
    const share = parts[name].mean_ms / scale;
    const words = `${name.replace("_ms", "")} ${said(parts[name].mean_ms, "ms")}`;
    const bar = text("span", share * $("budget-bar").clientWidth > LEGIBLE_PX ? words : "");
    bar.title = words;
    bar.dataset.part = name;
    bar.style.width = `${100 * share}%`;
    return bar;
  });
  $("budget-bar").replaceChildren(...bars);
  const eaters = BUDGET.map((name) => `${PARTS[name]} ${said(parts[name].mean_ms, "ms")}`);
  $("budget-bar").setAttribute("aria-label", `Mean parts of ${limit} ms: ${eaters.join("; ")}`);
  fill(
    $("budget").tBodies[0],
    budget.map(({ name, mean_ms: mean, p95_ms: p95, count }) => [
      PARTS[name], said(mean, "ms"), said(p95, "ms"), count,
    ]),
  );
}

// --- tables -----------------------------------------------------------------------------------

function drawDrift({ frozen, collected, wanted, utterances, window: size, features, model, coming }) {
  const next = coming ? `; ${coming.model} has ${coming.collected} of ${coming.wanted} for its own` : "";
  $("drift-about").textContent = frozen
    ? `the newest ${size} utterances against ${utterances} frozen with ${model}${next}`
    : `the reference is being collected: ${collected} of ${wanted} utterances`;
  $("drift").hidden = !frozen;
  fill(
    $("drift").tBodies[0],
    features.map((one) => [
      one.words, one.stage, said(one.now, one.unit), said(one.reference, one.unit),
      isBand(one) ? band(one).replace("usual ", "") : "–", said(one.ks, ""),
    ]),
    (place) => isBand(features[place]) && isOut(features[place]) && [2],
  );
}

/** Of what is 0 or 1 in a single utterance four fifths are alike: that is no band. */
const isBand = ({ low, high }) => low < high;

function drawUtterances(utterances) {
  fill(
    $("utterances").tBodies[0],
    utterances.map((one) => [
      clock(one.at_s), one.id.slice(0, 8), said(one.seconds, "s"), said(one.level_dbfs, "dBFS"),
      said(one.snr_db, "dB"), said(one.confidence, "%"), one.speech ? one.hits : "no speech",
      said(one.all_ms ?? one.wait_ms, "ms"), one.became ?? "",
    ]),
  );
}

function drawThresholds({ thresholds, series }) {
  const units = Object.fromEntries(series.map((one) => [one.name, one]));
  fill(
    $("thresholds").tBodies[0],
    thresholds.map((one) => {
      const { words, unit } = units[one.series];
      const limits = [one.warning, one.alert, one.clear].map((limit) => said(limit, unit));
      const what = one.rule === one.series ? words : `${words} (${one.rule})`;
      return [what, one.side, ...limits, lasted(one.window_s), one.least, one.why];
    }),
  );
}

async function drawReview() {
  if (!$("review").open) return;
  const answer = await call("v1/monitoring/review");
  if (!answer.ok) return;
  const { alarms, series } = await answer.json();
  const fired = alarms.filter((one) => one.fired).sort((a, b) => b.fired - a.fired);
  fill(
    $("reviewed").tBodies[0],
    fired.map((one) => [
      one.rule, one.fired, one.alerts, one.acknowledged, one.silenced,
      one.median_s === null ? "" : lasted(one.median_s), one.verdict,
    ]),
  );
  const still = {
    "alarms that never fired": alarms.filter((one) => !one.fired).map((one) => one.rule),
    "series that never moved": named(series, "never moved"),
    "too few to tell": named(series, "too few to tell"),
    "never measured": named(series, "never measured"),
  };
  const known = Object.entries(still).filter(([, names]) => names.length);
  $("still").replaceChildren(...known.flatMap(([what, names]) => [text("dt", what), text("dd", names.join(", "))]));
}

function named(series, state) {
  return series
    .filter((one) => one.state === state)
    .map((one) => (one.count ? `${one.words} (${said(one.low, one.unit)}, n ${one.count})` : one.words));
}

$("spans").addEventListener("click", ({ target }) => {
  if (!target.dataset.span) return;
  span = Number(target.dataset.span);
  for (const button of $("spans").children) button.setAttribute("aria-pressed", button === target);
  ask();
});
$("review").addEventListener("toggle", drawReview);
$("token").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem(TOKEN, $("token-text").value.trim());
  ask();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const one of Object.values(charts)) one.repaint();
  ask();
});
document.addEventListener("visibilitychange", () => document.hidden || ask());
ask();
