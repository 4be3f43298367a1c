// What a rollout is, in words: pure.

import { lasted } from "../words.js";

const RUNNING = new Set(["proving", "shadow", "canary"]);

/** Whether a verb can be of use now; the server has the last word. */
export function may({ phase, paused, champion_sessions: ours, challenger_sessions: theirs, fewest_sessions: fewest, shares }) {
  const running = RUNNING.has(phase);
  const last = phase === "canary" && shares.challenger === 1;
  const sampled = fewest > 0 && theirs >= fewest && (last || ours >= fewest);
  return { pause: running && !paused, resume: running && paused, promote: running && sampled, rollback: phase !== "idle" };
}

/** What follows from a verb: asked before it is done. */
export function consequence(verb, { phase, place, places, champion, challenger }) {
  const next = places[places.indexOf(place) + 1];
  return {
    start: `It proves itself on golden utterances, then goes its way step by step. Worse than ${champion}, it is thrown out by itself.`,
    pause: `It stays at ${place}. What fails is thrown out all the same.`,
    resume: `It goes on from ${place} by itself.`,
    promote: `${challenger} goes from ${place} to ${next} without waiting for the verdict.`,
    rollback:
      phase === "warm"
        ? `${challenger} answers everybody again instead of ${champion}. Nothing in flight is lost.`
        : `${challenger} is thrown out, ${champion} answers everybody. Nothing in flight is lost.`,
  }[verb];
}

/** What a start asks of the server; throws where a line of the settings is none. */
export function asked({ model, index, settings, version, everybody }) {
  const changes = {};
  const set = (section, name, value) => ((changes[section] ??= {})[name] = value);
  if (model) set("asr", "model", model);
  if (index) set("search", "index", index);
  for (const line of settings.split("\n").map((one) => one.trim()).filter(Boolean)) {
    const found = /^(\w+)\.(\w+)\s*=\s*(.+)$/.exec(line);
    if (!found) throw new Error(`“${line}” is no setting: write section.name=value, one a line`);
    set(found[1], found[2], valueOf(found[3]));
  }
  return { plan: everybody ? { switch: true } : {}, ...(Object.keys(changes).length && { changes }), ...(version && { version }) };
}

function valueOf(words) {
  try {
    return JSON.parse(words);
  } catch {
    return words;
  }
}

/** Evidence in nats as the e-value that it is the logarithm of. */
export function eValue(nats) {
  const value = Math.exp(nats);
  if (value >= 1e4) return value.toExponential(1);
  return value.toFixed(value >= 10 ? 0 : 1);
}

export function change(value) {
  return `${value > 0 ? "+" : ""}${value.toFixed(4)}`;
}

/** What is waited for at this step. */
export function waitingFor(status, nowS) {
  if (status.phase === "idle") return "Everybody is answered by the champion.";
  const left = status.hold_s - (nowS - status.since_s);
  const parts = [];
  if (status.phase === "warm") parts.push(left > 0 ? `the old version is kept for ${lasted(left)} more` : "the old version is being let go");
  else if (status.phase !== "proving" && left > 0) parts.push(`this step lasts ${lasted(left)} more at least`);
  if (status.fewest_sessions) {
    parts.push(`${status.champion_sessions} sessions of the champion and ${status.challenger_sessions} of the challenger have ended, ${status.fewest_sessions} are needed`);
  }
  parts.push(`${status.met} of ${status.seen} sessions met the challenger`);
  const { heard, dropped } = status.shadow;
  if (heard || dropped) parts.push(`${heard} utterances heard in the shadow, ${dropped} dropped for want of time`);
  return `${parts.join("; ")}.`;
}
