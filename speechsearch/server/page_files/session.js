// The client's side of one session of speechsearch.v1 whose utterances the server finds. No I/O:
// sound and frames in, frames and messages out.
//
// It keeps the sound that may be needed again: all that belongs to an utterance without an answer,
// or that the server has not acknowledged. A dropped socket goes on where the server stood; a server
// that was started anew hears from there again.

import { RATE_HZ } from "./resample.js";

export const PROTOCOL = "speechsearch.v1";
const HEADER_BYTES = 16;
const VERSION = 1;
const KIND_PCM_S16LE = 1;
const STREAM = 0;
const LEAD_SAMPLES = 1.5 * RATE_HZ; // sound before one that was not yet told to be speech
const MAX_KEPT_SAMPLES = 60 * RATE_HZ;

export class Session {
  constructor(token = "") {
    this.token = token;
    this.ready = null;
    this.kept = []; // {first, pcm} and {first, flush: true}, in order
    this.next = 0; // position after the newest sound
    this.acked = 0;
    this.decided = 0; // sound up to here belongs to utterances that are over
    this.newest = 0; // highest number of an utterance heard of
    this.unanswered = new Map(); // number -> where its sound begins
    this.lost = false; // sound had to be given up: nobody took it for too long
    this.searches = 0;
  }

  /** The first frame of a connection; takes up the earlier session where there was one. */
  hello() {
    const resume = this.ready && {
      token: this.ready.resume_token,
      awaiting: [...this.unanswered.keys()],
      newest: this.newest,
    };
    const { token } = this;
    const wanted = { vad: "server", automation: true };
    return JSON.stringify({ type: "hello", protocol: PROTOCOL, ...wanted, token, resume });
  }

  /** The frames that bring the server up to date. */
  welcome(ready) {
    this.ready = ready;
    const held = ready.received.find(({ utterance }) => utterance === STREAM);
    const from = ready.resumed && held ? held.sample : this.#needed();
    if (!ready.resumed) {
      this.unanswered.clear();
      this.newest = 0;
    }
    this.acked = from;
    return this.kept.flatMap((item) => replay(item, from));
  }

  /** The frame of a piece of sound; Int16Array at a position that never goes back. */
  audio(first, pcm) {
    this.kept.push({ first, pcm });
    this.next = first + pcm.length;
    this.#forget();
    return frame(first, pcm);
  }

  /** The frame that ends what is being said; the next sound may begin later. */
  flush() {
    this.kept.push({ first: this.next, flush: true });
    return JSON.stringify({ type: "flush" });
  }

  /** The frame that withdraws what is being said, or null where nothing is. */
  cancel() {
    const open = this.newest;
    if (!this.unanswered.delete(open)) return null;
    const end = { utterance: open, end_sample: 0, reason: "cancel" };
    return JSON.stringify({ type: "speech_end", ...end });
  }

  /** The frame of a typed query; its answer carries `searches` as its id. */
  search(query) {
    this.searches += 1;
    return JSON.stringify({ type: "search", id: this.searches, query });
  }

  /** The frame that says what the person did with an answer. */
  feedback(utterance, action, hit = "") {
    return JSON.stringify({ type: "feedback", utterance, action, hit });
  }

  /** The frame with what only the page knows, or null where the server wants none. */
  report(about) {
    if (!this.ready?.reports) return null;
    return JSON.stringify({ type: "report", client: "page 1", ...about });
  }

  /** A frame of the server as a message. */
  receive(text) {
    const message = JSON.parse(text);
    switch (message.type) {
      case "ack":
        this.acked = Math.max(this.acked, message.sample);
        break;
      case "vad":
        if (message.utterance > this.newest) {
          this.unanswered.set(message.utterance, message.start_sample);
        }
        this.newest = Math.max(this.newest, message.utterance);
        break;
      case "endpoint":
        this.decided = Math.max(this.decided, message.decided_sample ?? message.end_sample);
        break;
      case "final":
      case "nothing":
      case "error":
        this.newest = Math.max(this.newest, message.utterance ?? 0);
        this.unanswered.delete(message.utterance);
        break;
    }
    this.#forget();
    return message;
  }

  /** Sound sent that the server has not said it has, in samples. */
  get unacknowledged() {
    return this.next - this.acked;
  }

  /** Position from which sound may be needed again. */
  #needed() {
    const begun = Math.min(...this.unanswered.values());
    return Math.min(begun, Math.max(this.decided, this.acked - LEAD_SAMPLES, 0));
  }

  #forget() {
    const oldest = this.next - MAX_KEPT_SAMPLES;
    const needed = this.#needed();
    this.lost ||= needed < oldest && this.kept[0]?.first < oldest;
    const from = Math.max(needed, oldest);
    while (this.kept.length && end(this.kept[0]) < from) this.kept.shift();
  }
}

function end({ first, pcm }) {
  return first + (pcm?.length ?? 0);
}

/** What of a kept item comes at or after a position, as frames. */
function replay(item, from) {
  if (end(item) < from) return [];
  if (item.flush) return [JSON.stringify({ type: "flush" })];
  const skip = Math.max(0, from - item.first);
  return skip < item.pcm.length ? [frame(item.first + skip, item.pcm.subarray(skip))] : [];
}

/** 16 bytes of header, then PCM s16le. */
export function frame(first, pcm) {
  const bytes = new ArrayBuffer(HEADER_BYTES + 2 * pcm.length);
  const view = new DataView(bytes);
  view.setUint8(0, VERSION);
  view.setUint8(1, KIND_PCM_S16LE);
  view.setUint16(2, 0, true);
  view.setUint32(4, STREAM, true);
  view.setBigUint64(8, BigInt(first), true);
  pcm.forEach((sample, place) => view.setInt16(HEADER_BYTES + 2 * place, sample, true));
  return bytes;
}
