// The script of the page of a run. It draws the learning curves, and in a live page takes new ones from the server.
/* global uPlot */
(() => {
  const place = document.getElementById("curves");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  let charts = JSON.parse(document.getElementById("charts").textContent);
  let plots = [];

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const shape = () =>
    charts.map(({ title, curves }) => [title, ...curves.map(({ label }) => label)].join("\n")).join("\n\n");
  const aligned = ({ curves }) => uPlot.join(curves.map(({ steps, values }) => [steps, values]));
  const digits = (value) => (value == null ? "–" : String(Number(value.toPrecision(5))));

  function axis(extra) {
    const grid = { stroke: colour("--rule"), width: 1 };
    return { stroke: colour("--muted"), grid, ticks: grid, font: "12px system-ui, sans-serif", ...extra };
  }

  function series({ label, values }, i) {
    const few = values.length < 40;
    return {
      label,
      stroke: colour(`--s${i % 6}`),
      width: 2,
      dash: i >= 6 ? [6, 4] : undefined,
      spanGaps: true,
      points: { show: few, size: 6, fill: colour("--card") },
      value: (_, value) => digits(value),
    };
  }

  function draw(chart) {
    const figure = document.createElement("figure");
    const caption = document.createElement("figcaption");
    caption.textContent = chart.title;
    figure.append(caption);
    place.append(figure);
    const options = {
      width: figure.clientWidth,
      height: 240,
      scales: { x: { time: false } },
      axes: [axis({}), axis({ size: 62, values: (_, ticks) => ticks.map(digits) })],
      series: [{ label: "step" }, ...chart.curves.map(series)],
      cursor: { drag: { x: true, y: false } },
    };
    const plot = new uPlot(options, aligned(chart), figure);
    plot.root.querySelector("canvas").setAttribute("role", "img");
    plot.root
      .querySelector("canvas")
      .setAttribute("aria-label", `${chart.title} by step; the table below has the numbers`);
    return { plot, figure };
  }

  function drawAll() {
    for (const { plot } of plots) plot.destroy();
    if (charts.length > 0) place.replaceChildren();
    plots = charts.map(draw);
  }

  function resize() {
    for (const { plot, figure } of plots) plot.setSize({ width: figure.clientWidth, height: 240 });
  }

  function update(event) {
    const before = shape();
    const { charts: now, table, state } = JSON.parse(event.data);
    charts = now;
    document.getElementById("curve-table").innerHTML = table;
    document.getElementById("state").textContent = state;
    if (shape() !== before) drawAll();
    else for (const [i, chart] of charts.entries()) plots[i].plot.setData(aligned(chart));
  }

  drawAll();
  dark.addEventListener("change", drawAll);
  addEventListener("resize", resize);
  if ("live" in document.documentElement.dataset) {
    const events = new EventSource("/events");
    events.addEventListener("curves", update);
    events.addEventListener("report", () => location.reload());
  }
})();
