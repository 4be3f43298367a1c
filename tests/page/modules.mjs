// Lets a test in another language drive an object of one of the page's modules: a line of JSON asks,
// a line of JSON answers. Arguments are {file, name, args}; callbacks named in `record` are noted.

import readline from "node:readline";

const [, , folder, file, name, record, ...rest] = process.argv;
const module = await import(`${folder}/${file}`);
const calls = [];
const noted = Object.fromEntries(
  record.split(",").filter(Boolean).map((key) => [key, (...args) => void calls.push([key, ...args])]),
);
const args = rest.map((text) => JSON.parse(text));
const subject = name ? new module[name](...(record ? [noted, ...args] : args)) : module;

const TYPES = { int16: Int16Array, float32: Float32Array };

function read(value) {
  if (Array.isArray(value)) return value.map(read);
  if (value === null || typeof value !== "object") return value;
  const [[key, inner] = [], ...more] = Object.entries(value);
  if (TYPES[key] && !more.length) return TYPES[key].from(inner);
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, read(v)]));
}

function write(value) {
  if (value instanceof ArrayBuffer) return { hex: Buffer.from(value).toString("hex") };
  if (ArrayBuffer.isView(value)) return Array.from(value);
  if (Array.isArray(value)) return value.map(write);
  return value;
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  const { call, get, set, args: given } = JSON.parse(line);
  let answer;
  if (set) subject[set] = read(given);
  else answer = call ? subject[call](...read(given)) : subject[get];
  process.stdout.write(`${JSON.stringify({ answer: write(answer) ?? null, calls: calls.splice(0) })}\n`);
}
