// From the device's rate to 16 kHz: a polyphase windowed sinc, streaming.
//
// Output k lies at input time k * down / up, which falls between two input samples at one of `up`
// phases; each phase has its own set of taps, sampled from one Kaiser-windowed sinc. The filter
// passes 91 % of the narrower band and stops beyond it, so that nothing above 8 kHz folds back.

export const RATE_HZ = 16_000;

const PASS = 0.9125; // of the narrower band: 7.3 of 8 kHz, as soxr's high quality
const STOP_DB = 90;

/** Converts Float32Array pieces of any length; what comes out depends only on their sum. */
export class Resampler {
  constructor(fromHz, toHz = RATE_HZ) {
    const shared = gcd(fromHz, toHz);
    this.up = toHz / shared;
    this.down = fromHz / shared;
    const band = Math.min(fromHz, toHz) / 2;
    const cutoff = (band * (1 + PASS)) / 2 / fromHz; // cycles per input sample
    const transition = (band * (1 - PASS)) / fromHz;
    this.half = Math.ceil((STOP_DB - 7.95) / (14.36 * transition) / 2);
    this.phases = Array.from({ length: this.up }, (_, phase) =>
      taps(phase / this.up, this.half, cutoff),
    );
    this.buffer = new Float32Array(2 * this.half + 8192);
    this.filled = this.half - 1; // silence before the first sample
    this.place = 0; // input sample that the next output lies at or just after
    this.phase = 0;
  }

  /** Float32Array in; the output samples that are determined now, as a Float32Array. */
  push(input) {
    const out = [];
    for (let start = 0; start < input.length; start += 4096) {
      this.#take(input.subarray(start, start + 4096), out);
    }
    return Float32Array.from(out);
  }

  /** Input samples taken that lie after the newest output. */
  get behind() {
    const ahead = this.filled - (this.half - 1) - this.place - this.phase / this.up;
    return ahead + this.down / this.up;
  }

  #take(input, out) {
    this.buffer.set(input, this.filled);
    this.filled += input.length;
    // buffer[place + j] is the tap's sample half - 1 before the output's place, and on from there
    while (this.place + 2 * this.half <= this.filled) {
      const weights = this.phases[this.phase];
      let sum = 0;
      for (let j = 0; j < weights.length; j++) sum += weights[j] * this.buffer[this.place + j];
      out.push(sum);
      this.phase += this.down;
      this.place += Math.floor(this.phase / this.up);
      this.phase %= this.up;
    }
    const done = Math.min(this.place, this.filled);
    this.buffer.copyWithin(0, done, this.filled);
    this.filled -= done;
    this.place -= done;
  }
}

/** Weights of the 2 * half input samples around an output that lies `fraction` after a sample. */
function taps(fraction, half, cutoff) {
  const beta = 0.1102 * (STOP_DB - 8.7); // Kaiser, Nonrecursive digital filter design (1974)
  const weights = new Float32Array(2 * half);
  let sum = 0;
  for (let j = 0; j < weights.length; j++) {
    const at = j - (half - 1) - fraction;
    const inside = 1 - (at / half) ** 2;
    const window = inside > 0 ? bessel(beta * Math.sqrt(inside)) / bessel(beta) : 0;
    weights[j] = sinc(2 * cutoff * at) * window;
    sum += weights[j];
  }
  return weights.map((weight) => weight / sum);
}

function sinc(x) {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

/** Modified Bessel function of the first kind, order zero, by its power series. */
function bessel(x) {
  let term = 1;
  let sum = 1;
  for (let k = 1; term > 1e-12 * sum; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

function gcd(a, b) {
  return b ? gcd(b, a % b) : a;
}

/** Int16Array of Float32Array, -1..1; louder is clipped. */
export function toPcm(samples) {
  return Int16Array.from(samples, (x) => Math.max(-32768, Math.min(32767, Math.round(x * 32768))));
}
