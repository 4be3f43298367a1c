// The microphone: blocks of 512 samples at 16 kHz on one time line, or a problem with a name.

import { RATE_HZ } from "./resample.js";

export const SILENCE_DBFS = -100;
const SILENT_SAMPLES = 2 * RATE_HZ;
const OFFSET_BLOCKS = 64; // two seconds: longer than an endpoint takes
const RAW = { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: false };
const BY_NAME = {
  NotAllowedError: "denied",
  SecurityError: "denied",
  NotFoundError: "absent",
  OverconstrainedError: "absent",
  NotReadableError: "busy",
  AbortError: "busy",
};

/** Why there is no sound; `kind` is one of the keys of problems.js. */
export class CaptureError extends Error {
  constructor(kind, cause) {
    super(kind, { cause });
    this.kind = kind;
  }
}

/** Calls `onblock({first, pcm, dbfs})`, `onsilence(isSilent)`, and `onend(kind)` when a device goes. */
export class Capture {
  constructor({ onblock, onsilence, onend }) {
    Object.assign(this, { onblock, onsilence, onend });
    this.next = 0; // position of the next block; it grows over all times the microphone is opened
    this.endTime = null; // when the newest block ended, on the context's clock
    this.zeros = 0;
    this.silent = false;
    this.offsets = []; // of the newest blocks: position n was heard at n / 16 + the least of them
    this.context = null;
    this.opening = null;
  }

  get isOpen() {
    return this.context !== null;
  }

  /** Open the microphone, once; rejects with a CaptureError. */
  open() {
    if (this.isOpen) return Promise.resolve();
    this.opening ??= this.#open().finally(() => (this.opening = null));
    return this.opening;
  }

  async #open() {
    if (!window.isSecureContext || !navigator.mediaDevices) throw new CaptureError("insecure");
    if (!window.AudioWorkletNode) throw new CaptureError("old");
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio: RAW });
    } catch (error) {
      throw new CaptureError(BY_NAME[error.name] ?? "failed", error);
    }
    const context = new AudioContext({ latencyHint: "interactive" });
    try {
      await context.audioWorklet.addModule(new URL("worklet.js", import.meta.url));
      await context.resume();
    } catch (error) {
      stream.getTracks().forEach((track) => track.stop());
      context.close();
      throw new CaptureError("failed", error);
    }
    this.#connect(stream, context);
  }

  #connect(stream, context) {
    const node = new AudioWorkletNode(context, `capture-${RATE_HZ}`, {
      channelCount: 1,
      channelCountMode: "explicit",
      outputChannelCount: [1],
    });
    this.context = context;
    this.stream = stream;
    this.endTime = null;
    this.zeros = 0;
    this.offsets = [];
    node.port.onmessage = ({ data }) => context === this.context && this.#take(data);
    context.createMediaStreamSource(stream).connect(node).connect(context.destination); // silence
    const [track] = stream.getAudioTracks();
    this.name = track.label;
    track.onended = () => context === this.context && (this.close(), this.onend("gone"));
    context.onstatechange = () => context.state === "suspended" && context.resume();
  }

  /** Let the microphone go. */
  close() {
    this.stream?.getTracks().forEach((track) => track.stop());
    this.context?.close();
    this.context = this.stream = null;
    this.#hush(false);
  }

  /** Position that the microphone's own clock stands at. */
  positionNow() {
    if (!this.isOpen || this.endTime === null) return this.next;
    return this.next + (this.context.currentTime - this.endTime) * RATE_HZ;
  }

  /** When a position was heard, by performance.now(). */
  heardAtMs(position) {
    return position / (RATE_HZ / 1000) + Math.min(...this.offsets);
  }

  #take({ pcm, power, endTime }) {
    const first = this.next;
    this.next += pcm.length;
    this.endTime = endTime;
    this.offsets.push(performance.now() - this.next / (RATE_HZ / 1000));
    if (this.offsets.length > OFFSET_BLOCKS) this.offsets.shift(); // the two clocks drift apart
    this.zeros = power === 0 ? this.zeros + pcm.length : 0;
    this.#hush(this.zeros >= SILENT_SAMPLES);
    const dbfs = Math.max(SILENCE_DBFS, 10 * Math.log10(power + 1e-10));
    this.onblock({ first, pcm, dbfs });
  }

  #hush(silent) {
    if (silent !== this.silent) {
      this.silent = silent;
      this.onsilence(silent);
    }
  }
}
