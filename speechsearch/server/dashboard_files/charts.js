// One chart a series: its line, and behind it the band in which it is usual.

import { band, columns, isOut, said } from "./words.js";

const NARROW = matchMedia("(max-width: 46rem)");
const height = () => (NARROW.matches ? 78 : 110);
const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

export class Charts {
  constructor(place) {
    this.place = place;
    this.charts = new Map();
    NARROW.addEventListener("change", () => this.repaint());
    new ResizeObserver(() => this.#resize()).observe(place);
  }

  /** Draw these series; a chart stays where it is while its numbers move. */
  draw(series, spanS, nowS) {
    this.drawn = [series, spanS, nowS];
    for (const one of series) {
      const chart = this.charts.get(one.name) ?? this.#add(one);
      chart.show(one, spanS, nowS);
    }
  }

  /** Draw all anew: light has become dark, or wide narrow. */
  repaint() {
    for (const chart of this.charts.values()) chart.forget();
    if (this.drawn) this.draw(...this.drawn);
  }

  #add(one) {
    const chart = new Chart(one);
    this.charts.set(one.name, chart);
    this.place.append(chart.figure);
    return chart;
  }

  #resize() {
    for (const chart of this.charts.values()) chart.resize();
  }
}

class Chart {
  constructor({ name, words }) {
    this.figure = document.createElement("figure");
    this.figure.dataset.series = name;
    const caption = document.createElement("figcaption");
    this.title = document.createElement("span");
    this.now = document.createElement("b");
    this.title.textContent = words;
    caption.append(this.title, this.now);
    this.canvas = document.createElement("div");
    this.canvas.setAttribute("role", "img");
    this.note = document.createElement("p");
    this.note.className = "small";
    this.figure.append(caption, this.canvas, this.note);
    this.plot = null;
  }

  show(one, spanS, nowS) {
    this.one = one;
    const { data, range } = columns(one.points, spanS, nowS);
    const statistic = { p95: "p95 ", total: "sum " }[one.statistic] ?? "";
    this.now.textContent = statistic + said(one.now, one.unit);
    this.figure.classList.toggle("out", isOut(one));
    this.figure.classList.toggle("empty", !one.points.length);
    const usual = [band(one), one.count ? `n ${one.count}` : ""].filter(Boolean).join(", ");
    this.note.textContent = usual;
    const state = isOut(one) ? ", outside its band" : "";
    this.canvas.setAttribute("aria-label", `${one.words}: ${this.now.textContent}${state}; ${usual}`);
    if (!one.points.length) {
      this.forget();
      this.canvas.innerHTML = "<p class='none'>nothing measured</p>";
      return;
    }
    this.range = range;
    if (this.plot) this.plot.setData(data);
    else this.#begin(data);
  }

  forget() {
    this.plot?.destroy();
    this.plot = null;
    this.canvas.replaceChildren();
  }

  resize() {
    const width = this.canvas.clientWidth;
    if (this.plot && width && width !== this.plot.width) this.plot.setSize({ width, height: height() });
  }

  #begin(data) {
    this.canvas.replaceChildren();
    const axis = { stroke: color("--quiet"), grid: { stroke: color("--line"), width: 1 }, ticks: { show: false }, font: "11px system-ui" };
    const lone = data[0].length < 30;
    this.plot = new uPlot(
      {
        width: this.canvas.clientWidth || 280,
        height: height(),
        legend: { show: false },
        cursor: { y: false, points: { size: 6 } },
        scales: { x: { range: () => this.range }, y: { range: (_, low, high) => this.#heights(low, high) } },
        axes: [{ ...axis, size: 22, space: 70 }, { ...axis, size: NARROW.matches ? 36 : 46, space: 28, values: (_, ticks) => ticks.map((tick) => short(tick, this.one.unit)) }],
        series: [{}, { stroke: color("--accent"), width: 2, points: { show: lone, size: 5 } }],
        hooks: { drawClear: [(plot) => this.#band(plot)] },
      },
      data,
      this.canvas,
    );
  }

  #heights(low, high) {
    const all = [low, high, this.one.low, this.one.high].filter((one) => Number.isFinite(one));
    const [least, most] = [Math.min(...all), Math.max(...all)];
    const room = 0.08 * (most - least || Math.abs(most) || 1);
    const floor = this.one.unit === "dBFS" || least < 0 ? least - room : Math.max(0, least - room);
    return [floor, most + room];
  }

  #band(plot) {
    const { low, high } = this.one;
    if (low === null && high === null) return;
    const { left, top, width, height } = plot.bbox;
    const y = (value, otherwise) => (value === null ? otherwise : plot.valToPos(value, "y", true));
    const from = Math.max(top, y(high, top));
    const until = Math.min(top + height, y(low, top + height));
    plot.ctx.fillStyle = color("--band");
    plot.ctx.fillRect(left, from, width, Math.max(0, until - from));
  }
}

function short(value, unit) {
  if (unit === "%") return `${Number((100 * value).toPrecision(3))}%`;
  return `${Number(value.toPrecision(3))}`;
}
