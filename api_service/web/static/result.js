// Shows a submission: where it waits, what it does, and how it ended. `templates/result.html.j2` shows the same to the
// recipient, on the server.

import { marksOf } from "./marks.js";
import { el, has, memory, moment, number, seconds, size, t } from "./page.js";
import { visible } from "./visible.js";

export const FINAL = new Set(["finished", "failed", "cancelled"]);
const GOOD = new Set(["ok", "accepted"]);
const IMAGES = new Set(["image/png", "image/jpeg", "image/gif", "image/webp"]);
/** Bytes of the largest image that is shown, not only offered. */
const LARGEST_IMAGE = 200 * 1024;

/**
 * @typedef {object} Actions What a person can do with what is shown.
 * @property {(mark: import("./marks.js").Mark) => void} goTo Puts the cursor at a place in the program.
 * @property {(path: string, name: string) => void} save Saves what a path of the API answers.
 * @property {(path: string, name: string, place: Element) => void} show Adds the image that a path of the API answers.
 */

/** Return the tone of a verdict or state: the colour that goes with its word. @param {string} state @param {string | null} verdict */
export function toneOf(state, verdict) {
  if (state === "finished") return GOOD.has(verdict ?? "") ? "good" : verdict === "judge_error" ? "muted" : "bad";
  if (state === "failed") return "bad";
  return state === "cancelled" || state === "held" ? "muted" : "waiting";
}

/** Return the words for a state, or for the verdict of one that is finished. @param {string} state @param {string | null} verdict */
export const labelOf = (state, verdict) => (state === "finished" && verdict ? t(`verdict.${verdict}`) : t(`state.${state}`));

/** @param {string} state @param {string | null} verdict */
export const pill = (state, verdict) =>
  el("span", { class: `verdict ${toneOf(state, verdict)} ${state}` }, labelOf(state, verdict));

/** Return the sentence about a queue. @param {{position: number, estimated_start_at: string | null}} queue */
export function placeIn(queue) {
  const place = t("place", { position: number(queue.position) });
  if (!queue.estimated_start_at) return place;
  const wait = Math.max(0, Math.round((Date.parse(queue.estimated_start_at) - Date.now()) / 1000));
  return `${place} ${wait < 2 ? t("starts.now") : t("starts.in", { time: seconds(wait) })}`;
}

/**
 * Return all of a submission that has ended.
 * @param {any} submission
 * @param {Actions} actions
 */
export function ended(submission, actions) {
  const { run, state, verdict } = submission;
  const parts = [];
  const sentence = sentenceOf(submission);
  if (sentence) parts.push(el("p", { class: "sentence" }, sentence));
  if (!run) return parts;
  if (run.tests && verdict !== "judge_error") parts.push(summaryOfTests(run));
  const lines = linesOf(submission, actions);
  if (lines) parts.push(lines);
  const compiled = run.compile_output && block(verdict === "compile_error" ? "compiler" : "warnings", run.compile_output);
  if (verdict === "compile_error") parts.push(compiled);
  if (run.message) parts.push(block("judge", run.message));
  const errors = run.stderr && block("errors", run.stderr, cutNote(run, "stderr", submission, actions));
  const hasOutput = submission.unit_tests ? !!run.stdout : run.stdout !== null;
  const output = hasOutput && verdict !== "compile_error" && outputOf(submission, actions);
  parts.push(...(GOOD.has(verdict) ? [output, errors] : [errors, output]));
  if (hasPoints(run.groups)) parts.push(groupsOf(run.groups));
  if (run.tests) parts.push(testsOf(run.tests, submission));
  if (verdict !== "compile_error") parts.push(compiled);
  parts.push(filesOf(submission, actions));
  if (state === "finished") parts.push(usage(run, submission.limits));
  parts.push(facts(submission));
  return parts.filter(Boolean);
}

/** @param {any} submission */
function sentenceOf({ state, verdict, run, unit_tests }) {
  if (state === "cancelled" && run?.started_at && run.finished_at) {
    const time = Math.round((Date.parse(run.finished_at) - Date.parse(run.started_at)) / 100) / 10;
    return t("about.cancelled_after", { time: seconds(time) });
  }
  if (state !== "finished") return t(`about.${state}`);
  // Each unit test has a message of its own.
  if (unit_tests && verdict !== "judge_error") return "";
  // What the verdict's label says already is not said again.
  const parts = [has(`about.${verdict}`) && verdict !== "ok" ? t(`about.${verdict}`) : ""];
  if (verdict === "runtime_error" && run?.signal) parts.push(t("signal", { signal: run.signal }));
  else if (verdict === "runtime_error" && run?.exit_code) parts.push(t("exit_code", { code: number(run.exit_code) }));
  return parts.filter(Boolean).join(" ");
}

/** Return a text of a stranger below its title. @param {string} title @param {string} text @param {Node | null} [note] */
export function block(title, text, note = null) {
  return el(
    "section",
    { class: "text" },
    el("h3", {}, t(title)),
    el("pre", { class: "output", tabindex: "0", "aria-label": t(title), translate: "no" }, ...visible(text)),
    note,
  );
}

/**
 * Show what a program has written so far, in place of what is shown of that stream. The end stays in view, unless a
 * person has scrolled away from it.
 * @param {Element} place @param {string} stream @param {string} text
 */
export function showSoFar(place, stream, text) {
  let output = /** @type {any} */ (place.querySelector(`[data-stream=${stream}] .output`));
  const isAtEnd = !output || output.scrollTop + output.clientHeight >= output.scrollHeight - 1;
  if (output) {
    output.replaceChildren(...visible(text));
  } else {
    const section = block(stream === "stdout" ? "output" : "errors", text);
    section.dataset.stream = stream;
    place.append(section);
    output = section.querySelector(".output");
  }
  if (isAtEnd) output.scrollTop = output.scrollHeight;
}

/** @param {any} submission @param {Actions} actions */
function outputOf(submission, actions) {
  const { run } = submission;
  if (run.stdout === "") return el("section", { class: "text" }, el("h3", {}, t("output")), el("p", { class: "muted" }, t("nothing")));
  return block("output", run.stdout, cutNote(run, "stdout", submission, actions));
}

/** @param {any} run @param {string} stream @param {any} submission @param {Actions} actions */
function cutNote(run, stream, submission, actions) {
  if (!run.truncated.includes(stream)) return null;
  const path = stream === "stdout" ? "output" : "stderr";
  const save = () => actions.save(`submissions/${submission.id}/${path}?run=${run.number}`, `${path}-${submission.id}.txt`);
  return el("p", { class: "hint" }, t("cut"), " ", el("button", { type: "button", class: "link", click: save }, t("whole")));
}

/** Return the files that the program wrote: a button that saves each, and small images. @param {any} submission @param {Actions} actions */
function filesOf({ id, run }, actions) {
  const note = leftOut(run.artifacts_left_out);
  if (!run.artifacts?.length && !note) return null;
  const items = (run.artifacts ?? []).map((/** @type {any} */ file) => {
    const path = `submissions/${id}/artifacts/${encodeURIComponent(file.name)}?run=${run.number}`;
    const save = () => actions.save(path, file.name);
    const button = el("button", { type: "button", class: "link", click: save }, el("bdi", {}, ...visible(file.name)));
    const item = el("li", {}, button, " ", el("span", { class: "muted" }, `(${size(file.bytes)})`));
    if (IMAGES.has(file.media_type) && file.bytes <= LARGEST_IMAGE) actions.show(path, file.name, item);
    return item;
  });
  return el("section", { class: "text" }, el("h3", {}, t("files.written")), el("ul", { class: "files" }, ...items), note && el("p", { class: "hint" }, note));
}

/** Return a sentence on what did not come back. @param {Record<string, number>} reasons */
function leftOut(reasons) {
  const names = Object.keys(reasons ?? {});
  if (!names.length) return "";
  const all = Object.values(reasons).reduce((one, other) => one + other, 0);
  return t("left_out", { number: number(all), reasons: names.map((name) => t(`left_out.${name}`)).join(", ") });
}

/** Return links to the lines that the compiler or the interpreter complains about. @param {any} submission @param {Actions} actions */
function linesOf(submission, actions) {
  const marks = marksOfRun(submission).filter((mark) => !mark.isWarning).slice(0, 10);
  if (!marks.length) return null;
  const items = marks.map((mark) =>
    el(
      "li",
      {},
      el("button", { type: "button", class: "link", click: () => actions.goTo(mark) }, t("line", { line: number(mark.line) })),
      " ",
      el("code", { dir: "auto" }, ...visible(mark.message.slice(0, 300))),
    ),
  );
  return el("ul", { class: "lines", "aria-label": t("lines") }, ...items);
}

/** Return the marks of the file that was run. @param {any} submission */
export function marksOfRun({ run, entry }) {
  if (!run || !entry) return [];
  const ofTests = run.tests?.find((/** @type {any} */ test) => test.stderr)?.stderr ?? "";
  return marksOf(`${run.compile_output ?? ""}\n${run.stderr ?? ofTests}`, entry);
}

/** @param {any} run */
function summaryOfTests(run) {
  const passed = run.tests.filter((/** @type {any} */ test) => GOOD.has(test.verdict)).length;
  const text = t("passed", { passed: number(passed), all: number(run.tests.length) });
  const isScored = run.points !== null && run.points_awarded !== null && (hasPoints(run.tests) || hasPoints(run.groups));
  const points = !isScored ? "" : t("points", { part: number(run.points_awarded), whole: number(run.points) });
  return el("p", { class: "sentence" }, el("strong", {}, text), points && ` · ${points}`);
}

/** Return the table of a problem's groups. @param {any[]} groups */
function groupsOf(groups) {
  const head = ["group", "verdict", "points.head", "tests"].map((key) => el("th", { scope: "col" }, t(key)));
  const rows = groups.map((group) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, el("bdi", {}, ...visible(group.name))),
      el("td", {}, endOf(group)),
      el("td", { class: "number" }, pointsOf(group)),
      el("td", { class: "number" }, t("of", { part: number(group.passed), whole: number(group.tests) })),
    ),
  );
  const table = el("table", { class: "tests" }, el("thead", {}, el("tr", {}, ...head)), el("tbody", {}, ...rows));
  return el("section", { class: "text" }, el("h3", {}, t("groups")), el("div", { class: "wide", tabindex: "0", role: "group", "aria-label": t("groups") }, table));
}

/** Return the outcome of a unit test. @param {string} outcome */
function outcomeOf(outcome) {
  const tone = { passed: "good", failed: "bad", error: "bad" }[outcome] ?? "muted";
  return el("span", { class: `verdict ${tone}` }, t(`outcome.${outcome}`));
}

/** Return the verdict of a test or a group, or the outcome of a unit test. @param {any} part */
const endOf = (part) => (part.outcome ? outcomeOf(part.outcome) : part.verdict ? pill("finished", part.verdict) : el("span", { class: "verdict muted" }, t("not_run")));

/** Return true if any of these tests or groups has points. Those of a pass-fail problem have none. @param {any[] | null} parts */
const hasPoints = (parts) => !!parts?.some((part) => part.points || part.points_awarded);

/** Return the points of a test or a group, of the most if they are bounded. @param {any} part */
function pointsOf(part) {
  // A judge that failed gives none. Those of a group may be worth nothing.
  if (part.points === 0 || (part.points_awarded === null && part.verdict !== null)) return "";
  const awarded = number(part.points_awarded ?? 0);
  return part.points === null ? awarded : t("of", { part: awarded, whole: number(part.points) });
}

/** Return the table of tests. @param {any[]} tests @param {any} submission */
export function testsOf(tests, submission) {
  const columns = ["test", "verdict", hasPoints(tests) && "points.head", "time", "memory"].filter(Boolean);
  const head = columns.map((key) => el("th", { scope: "col" }, t(String(key))));
  const rows = tests.flatMap((test) => [rowOf(test, submission, columns.length), detailsOf(test, columns.length)].filter(Boolean));
  const table = el("table", { class: "tests" }, el("thead", {}, el("tr", {}, ...head)), el("tbody", {}, ...rows));
  return el("section", { class: "text" }, el("h3", {}, t("tests")), el("div", { class: "wide", tabindex: "0", role: "group", "aria-label": t("tests") }, table));
}

/** Return the name of a test, or its number in the digits of the page. @param {any} test */
const nameOfTest = (test) => (test.name === String(test.number) ? number(test.number) : test.name);

/** @param {any} test @param {any} submission @param {number} columns */
function rowOf(test, { limits }, columns) {
  return el(
    "tr",
    {},
    el("th", { scope: "row" }, el("bdi", {}, ...visible(nameOfTest(test))), test.hidden && el("span", { class: "muted" }, ` (${t("hidden")})`)),
    el("td", {}, endOf(test)),
    columns === 5 && el("td", { class: "number" }, pointsOf(test)),
    el("td", { class: "number" }, test.cpu_s === null ? "" : seconds(test.cpu_s), bar(test.cpu_s, limits.cpu_s)),
    el("td", { class: "number" }, test.memory_bytes === null ? "" : memory(test.memory_bytes), bar(test.memory_bytes, limits.memory_bytes)),
  );
}

/** @param {any} test @param {number} columns */
function detailsOf(test, columns) {
  const parts = [];
  if (test.message && !test.hidden) parts.push(block("judge", test.message));
  if (test.diff) parts.push(diffOf(test.diff));
  if (test.stderr) parts.push(block("errors", test.stderr));
  if (test.stdout && !test.diff) parts.push(block("output", test.stdout));
  if (!parts.length) return null;
  const open = test.verdict !== null && !GOOD.has(test.verdict);
  const details = el("details", { open }, el("summary", {}, t("details", { name: nameOfTest(test) })), ...parts);
  return el("tr", { class: "more" }, el("td", { colspan: columns }, details));
}

/** Return a difference: where it is, what was expected there, and what was printed. @param {string} diff */
function diffOf(diff) {
  const [place, ...lines] = diff.split("\n");
  const [, unit, at] = place.split(" ");
  return el(
    "section",
    { class: "text" },
    el("h4", {}, t(`difference.${unit}`, { number: number(Number(at)) })),
    el("dl", { class: "difference" }, sideOf("expected", lines, "-"), sideOf("printed", lines, "+")),
  );
}

/** Return one side of a difference. @param {string} title @param {string[]} lines @param {string} sign */
function sideOf(title, lines, sign) {
  const own = lines.filter((line) => line.startsWith(sign)).map((line) => line.slice(1));
  const text = own.length
    ? el("pre", { class: "output", tabindex: "0", "aria-label": t(title), translate: "no" }, ...visible(own.join("\n")))
    : el("span", { class: "muted" }, t("no_lines"));
  return el("div", {}, el("dt", {}, t(title)), el("dd", {}, text));
}

/**
 * Return time and memory as bars against their limits. A sum of tests has no limit. The clock also runs while a program
 * waits, and memory may be measured late.
 * @param {any} run @param {any} limits
 */
function usage(run, limits) {
  const times = run.tests ? { cpu_s: null, wall_s: null } : limits;
  /** @type {[string, number | null, number | null, (value: number) => string, boolean][]} */
  const rows = [
    ["cpu_time", run.cpu_s, times.cpu_s, seconds, run.verdict === "time_limit"],
    ["elapsed", run.wall_s, times.wall_s, seconds, false],
    ["memory", run.memory_bytes, limits.memory_bytes, memory, run.verdict === "memory_limit"],
  ];
  const items = rows.map(([name, value, limit, format, isOver]) => {
    if (value === null || value === undefined) return null;
    const bound = limit && (value <= limit || isOver) ? limit : null;
    const text = bound ? t(value > bound ? "over" : "of", { part: format(value), whole: format(bound) }) : format(value);
    return el("div", {}, el("dt", {}, t(name)), el("dd", {}, el("span", { class: "number" }, text), bar(value, bound)));
  });
  return items.some(Boolean) ? el("dl", { class: "usage" }, ...items) : null;
}

/** Return a bar. Screen readers skip it, because the page shows its numbers as text. @param {number | null} value @param {number | null} limit */
function bar(value, limit) {
  if (value === null || !limit) return null;
  const share = Math.min(1, value / limit);
  const width = `${Math.max(1, Math.round(share * 100))}%`;
  return el("svg", { class: share >= 0.9 ? "bar full" : "bar", "aria-hidden": "true" }, el("rect", { width: "100%", height: "100%", rx: "2", class: "all" }), el("rect", { width, height: "100%", rx: "2" }));
}

/** Return the name of a language in the picker, else its code. @param {string} code */
const nameOf = (code) => document.querySelector(`#language option[value="${CSS.escape(code)}"]`)?.textContent ?? code;

/** @param {any} submission */
function facts({ id, language, problem, run, runs, entry, mail, email }) {
  /** @type {[string, string | Node | null][]} */
  const rows = [
    ["submission", number(id)],
    ["run", runs > 1 ? number(run.number) : null],
    ["task", problem ? el("bdi", { dir: "ltr" }, ...visible(problem)) : null],
    ["file", entry ? el("code", {}, ...visible(entry)) : null],
    ["language", el("bdi", { dir: "ltr" }, ...visible(`${nameOf(run.engine.language ?? language ?? "")} ${run.engine.version ?? ""}`.trim()))],
    ["ended_at", run.finished_at ? moment(run.finished_at) : null],
    ["mail", mail ? el("span", { id: "mail-state" }, t(`mail.${mail.state}`)) : null],
    ["recipient", email ? el("bdi", {}, ...visible(email)) : null],
  ];
  const items = rows.filter(([, value]) => value).map(([name, value]) => el("div", {}, el("dt", {}, t(name)), el("dd", {}, value)));
  return el("dl", { class: "facts" }, ...items);
}
