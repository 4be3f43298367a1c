// Draws the screen into the page. Nothing but this module touches the document's contents.

import { PROBLEMS } from "./problems.js";
import { BUDGET_MS, IN_THE_PAUSE, STAGES } from "./screen.js";

const find = (id) => document.getElementById(id);
const FLOOR_DBFS = -65;
const DOES = {
  human_only: "Only what is typed is searched",
  shadow: "What is said is only compared with what you pick",
  partial: "What is surely right opens by itself",
  full: "The first hit opens by itself",
};
const METER_STEP_MS = 500; // how often the level is told to a screen reader

export class View {
  constructor() {
    for (const id of ["form", "query", "heard", "stable", "tentative", "mic", "free", "meter",
      "sure", "status", "hits", "none", "said", "budget", "problem", "connection", "token"]) {
      this[id] = find(id);
    }
    this.shown = {};
    this.told = 0;
  }

  /** Bring the document up to date with a Screen. */
  render(screen) {
    this.#heard(screen);
    this.#microphone(screen);
    this.#once("hits", screen.hits, () => this.#hits(screen));
    this.hits.classList.toggle("provisional", screen.provisional);
    this.#once("timings", screen.timings, () => this.#budget(screen.timings));
    this.#once("problem", screen.problem, () => this.#problem(screen.problem));
    this.#once("status", screen.status, (status) => (this.status.textContent = status));
    this.#once("connection", screen.connection, () => this.#connection(screen.connection));
    this.#announce(screen);
  }

  /** The level, some thirty times a second. */
  level(dbfs, nowMs) {
    const share = Math.max(0, Math.min(1, (dbfs - FLOOR_DBFS) / -FLOOR_DBFS));
    this.form.style.setProperty("--level", share.toFixed(2));
    if (nowMs - this.told > METER_STEP_MS) {
      this.told = nowMs;
      this.meter.setAttribute("aria-valuenow", Math.round(dbfs));
    }
  }

  #once(name, value, draw) {
    if (this.shown[name] === value) return;
    this.shown[name] = value;
    draw(value);
  }

  #heard(screen) {
    const spoken = screen.source === "spoken" && Boolean(screen.text);
    this.form.classList.toggle("spoken", spoken);
    this.#once("stable", spoken ? screen.stable : "", (text) => (this.stable.textContent = text));
    this.#once("tentative", spoken ? screen.tentative : "", (text) => {
      this.tentative.textContent = text;
    });
    const sure = spoken && screen.confidence !== null;
    this.#once("sure", sure ? `${Math.round(100 * screen.confidence)} % sure` : "", (text) => {
      this.sure.textContent = text;
    });
  }

  #microphone({ mode, speaking, waiting, hears }) {
    const on = mode !== "off";
    document.body.dataset.mode = mode;
    document.body.classList.toggle("speaking", speaking && on);
    document.body.classList.toggle("waiting", waiting);
    this.mic.setAttribute("aria-pressed", String(on));
    this.free.setAttribute("aria-checked", String(mode === "free"));
    this.meter.hidden = !on;
    this.mic.disabled = this.free.disabled = !hears;
  }

  #hits({ hits, source }) {
    const focused = document.activeElement?.closest?.("#hits li")?.dataset.id;
    this.hits.replaceChildren(...hits.map((hit, place) => row(hit, place)));
    this.none.hidden = !(source && hits.length === 0);
    if (focused) this.hits.querySelector(`[data-id="${CSS.escape(focused)}"] :first-child`)?.focus();
  }

  #budget(timings) {
    this.budget.hidden = !timings;
    if (!timings) return;
    const all = timings.end_of_speech_to_results;
    const scale = Math.max(BUDGET_MS, all);
    let begun = 0;
    for (const stage of STAGES) {
      const line = this.budget.querySelector(`[data-stage="${stage}"]`);
      line.style.setProperty("--from", `${(100 * begun) / scale}%`);
      line.style.setProperty("--width", `${(100 * timings[stage]) / scale}%`);
      line.querySelector("td:last-child").textContent = `${timings[stage].toFixed(0)} ms`;
      begun += timings[stage];
    }
    this.budget.style.setProperty("--limit", `${(100 * BUDGET_MS) / scale}%`);
    this.budget.classList.toggle("over", all > BUDGET_MS);
    find("all").textContent = `${all.toFixed(0)} ms`;
    const ahead = IN_THE_PAUSE.map((name) => `${name} ${timings[name].toFixed(0)} ms`);
    find("ahead").textContent = ahead.join(", ");
  }

  #problem(key) {
    this.problem.hidden = !key;
    if (!key) return;
    const { title, advice, action, asksToken } = PROBLEMS[key];
    find("problem-title").textContent = title;
    find("problem-advice").textContent = advice;
    find("retry").textContent = action ?? "";
    find("retry").hidden = !action;
    this.token.hidden = !asksToken;
    if (asksToken) find("token-text").focus();
  }

  #connection({ state, model, entries, degree }) {
    document.body.dataset.connection = state;
    const words = { connecting: "connecting", lost: "not connected", token: "token needed" };
    const count = entries?.toLocaleString("en");
    const does = DOES[degree] ? `. ${DOES[degree]}` : "";
    this.connection.textContent = words[state] ?? `${count} titles, ${model}${does}`;
  }

  /** What a screen reader says once an answer stands. */
  #announce({ hits, source, provisional, text }) {
    if (provisional || !source) return;
    const first = hits[0] && `, first ${hits[0].title}`;
    const found = hits.length ? `${hits.length} found${first}` : "Nothing found";
    this.#once("said", `${source === "spoken" ? `${text}: ` : ""}${found}`, (said) => {
      this.said.textContent = said;
    });
  }
}

/** One hit: a link where it has an address, else a button that copies its title. */
function row(hit, place) {
  const item = document.createElement("li");
  item.dataset.id = hit.id;
  const opens = /^https?:\/\//i.test(hit.url);
  const target = document.createElement(opens ? "a" : "button");
  if (opens) Object.assign(target, { href: hit.url, target: "_blank", rel: "noopener noreferrer" });
  else target.type = "button";
  target.dataset.place = place;
  const { author, year } = hit.fields ?? {};
  const when = Number.isInteger(year) && year < 0 ? `${-year} BC` : year;
  target.append(
    span("rank", place + 1),
    span("title", hit.title),
    span("details", [author, when].filter(Boolean).join(", ")),
  );
  const score = span("score", "");
  score.style.setProperty("--score", Math.max(0, Math.min(1, hit.score)));
  score.title = `${hit.score.toFixed(2)}, by ${hit.why}`;
  target.append(score);
  item.append(target);
  return item;
}

function span(name, text) {
  const made = document.createElement("span");
  made.className = name;
  made.textContent = text;
  if (name === "rank" || name === "score") made.ariaHidden = "true";
  return made;
}
