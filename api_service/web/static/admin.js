// The operator's overview: draws its charts, and updates it while it is visible.
// One fetch every ten seconds gets the page itself, rendered by the server; charts get the minutes that they lack.

import uPlot from "./vendor/uplot/uplot.js";

const INTERVAL_MS = 10_000;
const DAY_S = 86_400;
const HEIGHT = 180;

/** The seconds that the charts show. */
let shownSeconds = DAY_S;

const language = document.documentElement.lang;
const numbers = new Intl.NumberFormat(language, { maximumFractionDigits: 2 });
const times = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

/** The recorded minutes by column, as `GET /admin/series` sends them. @type {Record<string, (number | null)[]>} */
const minutes = {};
/** @type {{plot: uPlot, names: string[]}[]} */
const charts = [];

/** Return the value of a colour of the style sheet. @param {string} name */
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/** Return a number of an axis or a legend in the digits of the language. @param {number | null | undefined} value */
const shown = (value) => (value === null || value === undefined ? "–" : numbers.format(value));

/** Return the columns of a chart. Minutes that nothing recorded are a gap. @param {string[]} names */
function columns(names) {
  const result = [[], ...names.map(() => [])];
  let before = null;
  (minutes.minute ?? []).forEach((at, place) => {
    if (before !== null && at - before > 150) {
      result[0].push(before + 60);
      names.forEach((_, n) => result[n + 1].push(null));
    }
    result[0].push(at);
    names.forEach((name, n) => result[n + 1].push(minutes[name][place]));
    before = at;
  });
  return result;
}

/** Draw the chart of a figure. @param {HTMLElement} figure */
function draw(figure) {
  const place = /** @type {HTMLElement} */ (figure.querySelector(".plot"));
  const items = [...figure.querySelectorAll("[data-series]")];
  const names = items.map((item) => /** @type {HTMLElement} */ (item).dataset.series ?? "");
  const stroke = items.map((item) => item.querySelector(".swatch")?.classList[1] ?? "accent");
  const axis = { stroke: () => colour("muted"), grid: { stroke: () => colour("line"), width: 1 }, ticks: { show: false } };
  const now = () => Date.now() / 1000;
  const plot = new uPlot(
    {
      width: Math.max(place.clientWidth, 200),
      height: HEIGHT,
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false } },
      scales: { x: { range: () => [now() - shownSeconds, now()] }, y: { range: (_, low, high) => [0, Math.max(high ?? 0, 1) * 1.1] } },
      axes: [
        { ...axis, size: 32, values: (_, splits) => splits.map((at) => times.format(at * 1000)) },
        { ...axis, size: 56, values: (_, splits) => splits.map(shown) },
      ],
      series: [{}, ...stroke.map((name) => ({ stroke: () => colour(name), width: 1.5, points: { show: false } }))],
      hooks: {
        setCursor: [
          (self) => items.forEach((item, n) => {
            const value = self.cursor.idx === null || self.cursor.idx === undefined ? undefined : self.data[n + 1][self.cursor.idx];
            item.querySelector(".value").textContent = value === undefined ? "" : shown(value);
          }),
        ],
      },
    },
    columns(names),
    place,
  );
  new ResizeObserver(() => plot.setSize({ width: Math.max(place.clientWidth, 200), height: HEIGHT })).observe(place);
  charts.push({ plot, names });
}

/** Get the minutes after the latest one, and draw them. */
async function update() {
  const latest = minutes.minute?.at(-1) ?? 0;
  const answer = await fetch(`${document.documentElement.dataset.root}admin/series?after=${latest}`);
  if (!answer.ok || answer.redirected) return;
  const added = await answer.json();
  const oldest = Date.now() / 1000 - DAY_S;
  const past = (minutes.minute ?? []).filter((at) => at !== null && at < oldest).length;
  for (const [name, values] of Object.entries(added)) {
    minutes[name] = [...(minutes[name] ?? []).slice(past), ...values];
  }
  charts.forEach(({ plot, names }) => plot.setData(columns(names)));
}

/** Return the page as it is now. A browser parses it without running its scripts. @returns {Promise<Document>} */
function load() {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("GET", location.href);
    request.responseType = "document";
    request.timeout = INTERVAL_MS;
    request.onload = () => {
      if (request.status === 200 && request.responseXML) {
        // The session has ended: the server led to the form for logging in.
        if (!request.responseXML.getElementById("figures")) location.reload();
        resolve(request.responseXML);
      } else {
        reject(new Error(`the answer is ${request.status}`));
      }
    };
    request.onerror = request.ontimeout = () => reject(new Error("there is no answer"));
    request.send();
  });
}

/** Put what has changed into the page. What has the focus stays. @param {Document} fresh */
function show(fresh) {
  for (const section of document.querySelectorAll("[data-live]")) {
    const newer = fresh.getElementById(section.id);
    if (newer && !section.isEqualNode(newer) && !section.contains(document.activeElement)) {
      section.replaceWith(document.adoptNode(newer));
    }
  }
  // The links of the frame say how many failures there are.
  const [links, newer] = [document, fresh].map((one) => one.querySelector(`a[href$="admin/failures"]`));
  if (links && newer && links !== document.activeElement) links.replaceWith(document.adoptNode(newer));
}

let lookedAt = Date.now();

/** Refresh the page if it is visible. */
async function refresh() {
  if (document.hidden) return;
  lookedAt = Date.now();
  const stale = document.getElementById("stale");
  try {
    show(await load());
    stale.hidden = true;
    const latest = Number(document.getElementById("figures")?.dataset.minute ?? 0);
    if (latest > (minutes.minute?.at(-1) ?? 0)) await update();
  } catch {
    stale.hidden = false;
  }
}

/** Let the charts show an hour or a day. */
function chooseSpan() {
  const group = document.getElementById("span");
  const buttons = [...group.querySelectorAll("button")];
  group.hidden = false;
  for (const button of buttons) {
    button.addEventListener("click", () => {
      shownSeconds = Number(button.dataset.seconds);
      buttons.forEach((one) => one.setAttribute("aria-pressed", String(one === button)));
      charts.forEach(({ plot, names }) => plot.setData(columns(names)));
    });
  }
}

chooseSpan();
document.querySelectorAll(".chart").forEach((figure) => draw(/** @type {HTMLElement} */ (figure)));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => charts.forEach(({ plot }) => plot.redraw()));
document.addEventListener("visibilitychange", () => {
  if (Date.now() - lookedAt > INTERVAL_MS) refresh();
});
setInterval(refresh, INTERVAL_MS);
await update();
// What began within the hour would be a needle at the edge of a day.
if ((minutes.minute?.[0] ?? 0) > Date.now() / 1000 - 3600) document.querySelector("#span [data-seconds='3600']").click();
