// Numbers and instants as people read them: pure.

export function said(value, unit) {
  if (value === null || value === undefined) return "–";
  if (unit === "%") return `${digits(100 * value)} %`;
  return unit ? `${digits(value)} ${unit}` : digits(value);
}

function digits(value) {
  const size = Math.abs(value);
  return value.toFixed(size >= 100 || value === 0 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3);
}

/** Whether a number lies outside the band in which it is usual. */
export function isOut({ now, low, high }) {
  if (now === null) return false;
  return (low !== null && now < low) || (high !== null && now > high);
}

export function clock(seconds) {
  return new Date(1000 * seconds).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
}

export function day(seconds) {
  return new Date(1000 * seconds).toLocaleString([], { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" });
}

export function lasted(seconds) {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3600)} h`;
}

/** A band in words. */
export function band({ low, high, unit }) {
  if (low !== null && high !== null) return `usual ${said(low, unit)} to ${said(high, unit)}`;
  if (low !== null) return `usual from ${said(low, unit)}`;
  return high === null ? "" : `usual up to ${said(high, unit)}`;
}

/** Columns of a chart: times, values; a gap where minutes hold nothing. */
export function columns(points, spanS, nowS) {
  const times = [];
  const values = [];
  const gap = Math.max(180, spanS / 40);
  for (const [at, value] of points) {
    if (times.length && at - times.at(-1) > gap) {
      times.push(times.at(-1) + 1);
      values.push(null);
    }
    times.push(at);
    values.push(value);
  }
  return { data: [times, values], range: [nowS - spanS, nowS] };
}
