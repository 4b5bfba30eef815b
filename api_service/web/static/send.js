// The page on which a program is written, sent and watched.

import { Problem, ask, call, events, forgetKey, hasKey, keepKey, now, onKeyNeeded } from "./api.js";
import { unpack } from "./archive.js";
import "./divider.js";
import * as drafts from "./drafts.js";
import { Files, asBody, notText, ofBody, readFiles, sizeOf, sourceFile } from "./files.js";
import { PROBLEM, addTest, asBody as bodyOfForm, contentOf, describeSections, fill as fillForm, read as readForm } from "./form.js";
import * as history from "./history.js";
import { afterPause, byId, el, moment, root, seconds, size, t } from "./page.js";
import { FINAL, ended, labelOf, marksOfRun, pill, placeIn, showSoFar, testsOf, toneOf } from "./result.js";
import { isShared, linkOf, shared } from "./share.js";
import * as unitTests from "./unit_tests.js";
import { sentence, visible } from "./visible.js";
import * as output from "./written.js";

/** The time between two questions for the place in the queue. */
const PLACE_MS = 2000;
/** The states of a mail that soon change. */
const UNDER_WAY = new Set(["queued", "sending"]);
/** As in program.css. */
const NARROW = matchMedia("(max-width: 61.99rem)");

const form = byId("program");
const source = byId("source");
const languageField = byId("language");
const tests = byId("tests");
const status = byId("status");
const clock = byId("clock");
const body = byId("result");
const buttons = { cancel: byId("cancel"), rerun: byId("rerun"), download: byId("download"), recipient: byId("recipient") };

/** @type {import("./editor.js").Editor | null} */
let editor = null;
/** @type {Map<string, any>} */
let languages = new Map();
/** @type {any} The submission that is shown. */
let shown = null;
/** @type {AbortController | null} Ends the stream of the submission that was watched before. */
let watching = null;
/** True while what is shown waits in the queue. */
let isQueued = false;
/** Shows each second how long the state lasts. */
let ticking = 0;
/** The sample in the editor, as long as it is unchanged. */
let sample = "";

/** Return the id of the submission that an address shows, if any. */
const idOf = () => Number((PROBLEM ? /^#submission=([1-9][0-9]*)$/.exec(location.hash) : /\/submissions\/([1-9][0-9]*)\/?$/.exec(location.pathname))?.[1] ?? 0);
/** Return the address that shows a submission: on the page of a problem, its statement stays. @param {number} id */
const addressOf = (id) => (PROBLEM ? new URL(`#submission=${id}`, location.href) : new URL(`submissions/${id}`, root));
/** Where one begins to write here: the name of a draft. */
const START = PROBLEM ? `problem.${PROBLEM}` : "home";

// ---- The program ----------------------------------------------------------------------------------------------------

const text = () => editor?.text ?? source.value;

/** @param {string} content */
function write(content) {
  if (editor) editor.write(content);
  source.value = content;
}

const files = new Files(byId("files"), {
  show: (file, before) => {
    const isText = file === null || file.text !== null;
    byId("editor").hidden = !isText || !editor;
    source.hidden = !isText || !!editor;
    byId("not-text").hidden = isText;
    if (!isText) byId("not-text").replaceChildren(notText(file));
    const content = file?.text ?? "";
    source.value = content;
    // Each file has an undo history of its own.
    const state = editor?.swap(file?.state ?? editor.stateOf(content));
    if (before) before.state = state;
    if (file && shown && file.path === shown.entry) editor?.mark(marksOfRun(shown));
  },
  changed: () => changed(),
  text,
  usualName: () => {
    const code = languageField.value;
    return `${code === "java" ? "Main" : "main"}${languages.get(code)?.extensions[0] ?? ""}`;
  },
});

/** Keep what was written in the editor with its file. */
function keepText() {
  if (files.selected && files.selected.text !== null) files.selected.text = text();
}

async function startEditor() {
  const { Editor } = await import("./editor.js");
  const host = byId("editor");
  const hadFocus = document.activeElement === source;
  editor = new Editor(host, {
    text: source.value,
    language: languageField.value,
    label: t("program"),
    describedBy: t("leave_editor"),
    onChange: () => (keepText(), changed()),
    onRun: () => form.requestSubmit(),
  });
  host.hidden = source.hidden;
  source.hidden = true;
  if (hadFocus) editor.focus();
  if (shown) editor.mark(marksOfRun(shown));
}

async function loadLanguages() {
  const { items } = await ask("languages");
  languages = new Map(items.map((/** @type {any} */ one) => [one.code, one]));
  showLanguage();
  offerSample();
}

/** Put the language's sample into the editor, unless a person has written there. */
function offerSample() {
  if (PROBLEM || place() !== START || files.all.length || text().trim() !== sample.trim()) return;
  sample = languages.get(languageField.value)?.sample ?? "";
  isFilling = true;
  write(sample);
  isFilling = false;
}

function showLanguage() {
  if (!languages.size) return;
  const language = languages.get(languageField.value);
  byId("version").textContent = language?.version ?? "";
  unitTests.show(language);
  const options = language?.compiler_args ?? [];
  byId("compiler-args-field").hidden = options.length === 0;
  byId("compiler-args-hint").replaceChildren(...options.flatMap((/** @type {string} */ option) => [el("code", { class: "option" }, option), " "]));
  byId("cpu_s").placeholder = language?.limits.cpu_s ? String(language.limits.cpu_s) : "";
  byId("memory_mib").placeholder = language?.limits.memory_bytes ? String(language.limits.memory_bytes / 2 ** 20) : "";
  if (!files.all.length) files.draw();
}

/** @param {Iterable<File>} chosen */
async function addFiles(chosen) {
  const added = await readFiles(chosen);
  const room = Number(byId("drop").dataset.largest);
  const kept = files.all.filter((file) => added.every((other) => other.path !== file.path)).reduce((sum, file) => sum + sizeOf(file), 0);
  const tooLarge = added.find((file) => sizeOf(file) > room) ?? (added.reduce((sum, file) => sum + sizeOf(file), kept) > room ? added[0] : null);
  byId("too-large").hidden = !tooLarge;
  if (tooLarge) byId("too-large").textContent = t("too_large", { name: tooLarge.path, size: size(sizeOf(tooLarge)), most: size(room) });
  if (!added.length || tooLarge) return;
  keepText();
  files.add(added);
  const extension = /\.[^.]+$/.exec(files.entry?.path ?? "")?.[0].toLowerCase();
  const found = [...languages.values()].find((language) => language.extensions.includes(extension));
  if (found) {
    languageField.value = found.code;
    showLanguage();
    editor?.speak(found.code);
  }
  editor?.focus();
}

// ---- What was written -----------------------------------------------------------------------------------------------

/** Return all that a person has written. */
function read() {
  keepText();
  const program = files.all.length ? { files: files.all.map(asBody), entry: files.entry?.path } : { text: text() };
  return { ...readForm(), ...program, sample, unitTests: unitTests.read() };
}

/** Show what was written. A draft or a link may hold anything. @param {any} content */
function fill(content) {
  isFilling = true;
  try {
    fillForm(content);
    unitTests.fill(content.unitTests);
    sample = String(content.sample ?? "");
    files.replace(Array.isArray(content.files) ? content.files.map(ofBody) : [], content.entry);
    if (!files.all.length) {
      source.value = String(content.text ?? "");
      editor?.swap(editor.stateOf(source.value));
    }
    showLanguage();
    editor?.speak(languageField.value);
  } finally {
    isFilling = false;
  }
}

/** True while the page itself changes the form. */
let isFilling = false;
/** True if something was written that no draft has. */
let isDirty = false;

/** Return the place of what is written: a submission, a link, or the first page. */
const place = () => (idOf() ? `submission.${idOf()}` : isShared() ? `link.${location.hash}` : START);
/** What was begun on this page is also its draft after it was sent. */
const places = () => [place(), ...(window.history.state?.isOwn && place() !== START ? [START] : [])];
let current = places();

/** Keep what was written, and begin at the place of the address. */
function movePlace() {
  saveDraft();
  current = places();
}

function saveDraft() {
  if (!isDirty) return;
  isDirty = false;
  isUnsaved = !drafts.save(current, read());
}

/** True if what was written is too large for the browser's storage. */
let isUnsaved = false;
const saveSoon = afterPause(saveDraft, 200);

function changed() {
  if (isFilling) return;
  isDirty = true;
  saveSoon();
}

// ---- Sending --------------------------------------------------------------------------------------------------------

/** Return the submission of what was written, as API v1 takes it. @param {any} content @param {boolean} isForInput */
function submissionOf(content, isForInput) {
  const { entry, files, text } = content;
  const program = files ? { files, entry } : { source: text };
  const body = bodyOfForm(content, isForInput);
  if (!content.unitTests.length || body.problem || isForInput) return { ...body, ...program, live_output: true };
  // They have inputs, outputs and a judge of their own.
  const { stdin: _, args: __, tests: ___, checker: ____, ...others } = body;
  return { ...others, ...program, unit_tests: { files: content.unitTests } };
}

/** @param {boolean} [isForInput] The program is not sent to the problem of the page; it runs with the input of the form. */
async function send(isForInput = false) {
  clearFaults();
  const content = read();
  if (!content.files && !content.text?.trim()) return fail(new Problem(0, t("write_first")));
  byId("run").disabled = true;
  show("sending", el("span", { class: "verdict waiting running" }, t("sending")));
  try {
    const made = await post(submissionOf(content, isForInput));
    const title = content.entry ?? content.text.trim().split("\n", 1)[0].slice(0, 80);
    history.remember({ id: made.id, language: made.language, title, at: made.created_at, state: made.state, verdict: null, ...(made.problem && PROBLEM && { problem: PROBLEM }) });
    scrollToResult();
    saveDraft();
    // What was written there has become a submission of its own.
    if (place() !== START) drafts.forget(place());
    window.history.pushState({ isOwn: current.includes(START) }, "", addressOf(made.id));
    current = places();
    changed();
    watch(made);
  } catch (error) {
    fail(error);
  } finally {
    byId("run").disabled = false;
  }
}

/** Scroll to the result where it is below the program: on a narrow screen, and beside a statement. */
function scrollToResult() {
  if (PROBLEM && !NARROW.matches) byId("panel").scrollIntoView({ block: "nearest", behavior: "instant" });
  if (NARROW.matches) byId("panel").scrollIntoView({ block: "start", behavior: "instant" });
}

/** @param {any} sent */
async function post(sent) {
  const [first] = files.all;
  if (files.all.length !== 1 || !first.data || !/\.zip$/i.test(first.path)) {
    return ask("submissions", { method: "POST", json: sent });
  }
  // Only forms are unpacked.
  const { files: _, entry: __, ...rest } = sent;
  const data = new FormData();
  data.append("file", new Blob([/** @type {any} */ (first.data)]), first.path);
  data.append("submission", new Blob([JSON.stringify(rest)], { type: "application/json" }));
  return ask("submissions", { method: "POST", body: data });
}

/** Show an error where it belongs. @param {any} error */
function fail(error) {
  if (error instanceof Problem === false) throw error;
  show("problem", error.status ? el("span", { class: "verdict bad" }, t("refused")) : null);
  const faults = error.errors?.length ? error.errors : [{ pointer: "", detail: error.message }];
  const items = faults.map(({ pointer = "", detail }) => {
    const field = fieldOf(pointer);
    field?.setAttribute("aria-invalid", "true");
    field?.closest("details")?.setAttribute("open", "");
    const where = pointer && el("code", {}, pointer.slice(1).replaceAll("/", "."));
    return el("li", {}, where, where && " ", error.status ? el("bdi", { lang: "en", dir: "ltr" }, ...sentence(detail)) : detail);
  });
  body.replaceChildren(el("ul", { class: "notice bad plain" }, ...items));
  const field = form.querySelector("[aria-invalid]");
  if (field) field.focus();
  else scrollToResult();
}

/** Return the field that a fault of the API is about. @param {string} pointer */
function fieldOf(pointer) {
  const [, key, inner] = pointer.split("/");
  if (key === "tests") return tests.children[Number(inner)]?.querySelector("textarea");
  if (key === "limits") return inner === "cpu_s" ? byId("cpu_s") : inner === "memory_bytes" ? byId("memory_mib") : null;
  if (key === "unit_tests") return byId("choose-unit-tests");
  return key && key !== "source" && key !== "files" ? form.elements.namedItem(key) : null;
}

function clearFaults() {
  byId("too-large").hidden = true;
  form.querySelectorAll("[aria-invalid]").forEach((/** @type {Element} */ field) => field.removeAttribute("aria-invalid"));
}

// ---- Watching -------------------------------------------------------------------------------------------------------

/** Show a submission, and follow it until it ends. @param {any} submission */
async function watch(submission) {
  watching?.abort();
  watching = new AbortController();
  const { signal } = watching;
  shown = submission;
  /** @type {Map<number, any>} */
  const done = new Map();
  let written = output.load(submission.id, submission.runs);
  let place = submission.queue;
  let since = submission.run?.started_at ?? submission.run?.queued_at ?? submission.created_at;
  showState(submission.state, place, since);
  if (FINAL.has(submission.state) && submission.run) return finish(withOutput(submission, written));
  const asking = setInterval(async () => {
    if (!isQueued) return;
    const { queue } = await ask(`submissions/${submission.id}`).catch(() => ({ queue: null }));
    place = queue;
    // While we waited, the stream may have said that the program runs.
    if (isQueued && !signal.aborted) showState("queued", place, since);
  }, PLACE_MS);
  signal.addEventListener("abort", () => clearInterval(asking));
  try {
    for await (const { id, name, data } of events(submission.id, signal)) {
      if (signal.aborted) return;
      if (name === "state") {
        since = data.at;
        showState(data.state, data.state === "queued" ? place : null, since);
        if (data.state !== "running") continue;
        const attempt = id.slice(0, id.lastIndexOf("."));
        if (attempt !== written.attempt) written = output.begin(attempt);
        if (written.stdout) showSoFar(body, "stdout", written.stdout);
        if (written.stderr) showSoFar(body, "stderr", written.stderr);
      } else if (name === "finished") return finish(withOutput(data, written));
      else if (name === "stdout" || name === "stderr") {
        output.add(written, name, data.text);
        showSoFar(body, name, written[name]);
      } else if (name === "test") {
        done.set(data.number, data);
        body.replaceChildren(testsOf([...done.values()], submission));
      }
    }
    // The stream has ended before: another tab has seen its end.
    if (!signal.aborted) finish(withOutput(await ask(`submissions/${submission.id}`), written));
  } catch (error) {
    if (!signal.aborted) fail(error);
  } finally {
    clearInterval(asking);
  }
}

/**
 * Return a submission that has no result with what its program had written until then.
 * @param {any} submission @param {output.Written} written
 */
function withOutput(submission, written) {
  const { run, state } = submission;
  if (!run || state === "finished") return submission;
  return { ...submission, run: { ...run, stdout: written.stdout || run.stdout, stderr: written.stderr || run.stderr } };
}

/** @param {string} state @param {any} queue @param {string} since When the state began. */
function showState(state, queue, since) {
  const isGoingOn = state === "queued" || state === "running";
  if (isGoingOn) body.replaceChildren(el("div", { class: "progress", "aria-hidden": "true" }));
  show(state, pill(state, null), queue ? el("span", { class: "muted" }, placeIn(queue)) : null);
  if (isGoingOn) {
    const tick = () => (clock.textContent = seconds(Math.max(0, Math.floor((now() - Date.parse(since)) / 1000))));
    clock.hidden = false;
    ticking = setInterval(tick, 1000);
    tick();
  }
  history.update({ id: shown.id, state });
}

/** @param {any} submission */
function finish(submission) {
  shown = submission;
  show(submission.state, pill(submission.state, submission.verdict));
  body.replaceChildren(...ended(submission, { goTo, save, show: showImage }));
  if (!files.selected || files.selected.path === submission.entry) editor?.mark(marksOfRun(submission));
  document.title = `${labelOf(submission.state, submission.verdict)} · Precieux`;
  history.update({ id: submission.id, state: submission.state, verdict: submission.verdict });
  document.dispatchEvent(new Event("ended"));
  followMail(submission);
  // For the tests, which measure how long after its end a result is on the screen.
  performance.mark("result", { detail: submission.id });
}

/** Show what becomes of the mail, while it is under way. @param {any} submission */
async function followMail(submission) {
  const signal = watching?.signal;
  for (let wait = 1000; UNDER_WAY.has(submission.mail?.state) && wait < 120_000; wait *= 1.5) {
    await new Promise((resolve) => setTimeout(resolve, wait));
    if (signal?.aborted) return;
    submission = await ask(`submissions/${submission.id}`).catch(() => submission);
    const place = body.querySelector("#mail-state");
    if (place && !signal?.aborted) place.textContent = t(`mail.${submission.mail.state}`);
  }
}

/** Put the cursor at a place in the file that was run. @param {import("./marks.js").Mark} mark */
function goTo(mark) {
  const entry = files.all.findIndex((file) => file.path === shown.entry);
  if (entry >= 0 && entry !== files.current) files.select(entry);
  editor?.goTo(mark);
}

/** Show how things stand, and what can be done. @param {string} state @param {...(Node | null)} parts */
function show(state, ...parts) {
  isQueued = state === "queued";
  clearInterval(ticking);
  clock.hidden = true;
  byId("panel").classList.toggle("shown", state !== "empty");
  status.replaceChildren(.../** @type {Node[]} */ (parts.filter(Boolean)));
  byId("panel").dataset.tone = state === "finished" ? toneOf(state, shown?.verdict) : "";
  const isFinal = FINAL.has(state);
  buttons.cancel.hidden = state !== "queued" && state !== "running";
  buttons.rerun.hidden = !isFinal && state !== "held";
  buttons.download.hidden = state !== "finished" || !!shown?.run?.tests || !shown?.run?.stdout;
  buttons.recipient.hidden = !isFinal || !shown?.links.page;
  if (shown?.links.page) buttons.recipient.href = new URL(new URL(shown.links.page).pathname.split("/").slice(-2).join("/") + new URL(shown.links.page).search, root).href;
}

/** Save what a path of the API answers as a file. @param {string} path @param {string} name */
async function save(path, name) {
  const response = await call(path);
  const address = URL.createObjectURL(await response.blob());
  el("a", { href: address, download: name }).click();
  URL.revokeObjectURL(address);
}

/** Add an image to a place of the page. An image cannot be loaded with an API key, so it becomes an address of data. @param {string} path @param {string} name @param {Element} place */
async function showImage(path, name, place) {
  const image = await call(path)
    .then((response) => response.blob())
    .catch(() => null);
  if (!image) return; // its button says why
  const reader = new FileReader();
  reader.addEventListener("load", () => place.append(el("img", { src: reader.result, alt: name })));
  reader.readAsDataURL(image);
}

/** @param {() => Promise<void>} act */
const reporting = (act) => () => act().catch(fail);

async function rerun() {
  const { number: run } = await ask(`submissions/${shown.id}/runs`, { method: "POST" });
  watch({ ...shown, state: "queued", queue: null, run: null, runs: run });
}

/** Show the submission of the address, as it was sent or with what was written since. @param {number} id */
async function open(id) {
  watching?.abort();
  const submission = await ask(`submissions/${id}`).catch((error) => {
    throw error.status === 404 ? new Problem(0, t("no_submission", { id })) : error;
  });
  fill(drafts.load(place()) ?? (await sentWith(submission)));
  watch(submission);
}

/** Return the content of a submission, as its sender wrote it. @param {any} submission */
async function sentWith(submission) {
  const [program, sent] = await Promise.all([call(`submissions/${submission.id}/source`), ask(`/sent/${submission.id}`)]);
  const content = contentOf(submission, sent);
  if (submission.files.length > 1) {
    const unpacked = await unpack(await program.arrayBuffer());
    return { ...content, files: unpacked.map(({ path, data }) => asBody(sourceFile(path, data))), entry: submission.entry };
  }
  const only = sourceFile(submission.entry ?? "", new Uint8Array(await program.arrayBuffer()));
  const isNamed = only.path && !/^main\.[^.]+$/i.test(only.path);
  return only.text === null || isNamed ? { ...content, files: [asBody(only)], entry: only.path } : { ...content, text: only.text };
}

async function followAddress() {
  const id = idOf();
  if (id) return open(id);
  watching?.abort();
  shown = null;
  show("empty");
  body.replaceChildren(byId("welcome").content.cloneNode(true));
  editor?.mark([]);
  const draft = drafts.load(place());
  if (draft) return fill(draft);
  if (!isShared()) return;
  try {
    fill(await shared());
  } catch {
    throw new Problem(0, t("bad_link"));
  }
}

// ---- Dialogs --------------------------------------------------------------------------------------------------------

function showHistory() {
  const all = history.entries();
  byId("no-history").hidden = all.length > 0;
  byId("clear-history").hidden = all.length === 0;
  const rows = all.map((entry) =>
    el(
      "li",
      {},
      el(
        "a",
        { href: new URL(`submissions/${entry.id}`, root).href },
        el("span", { class: "grow" }, el("code", {}, ...visible(entry.title || String(entry.id))), el("span", { class: "muted small" }, `${languages.get(entry.language)?.name ?? entry.language} · ${entry.at ? moment(entry.at) : ""}`)),
        entry.state ? pill(entry.state, entry.verdict) : null,
      ),
    ),
  );
  byId("entries").replaceChildren(...rows);
  byId("history").showModal();
}

async function share() {
  const { fields, ...content } = read();
  const link = await linkOf({ ...content, fields: { ...fields, email: "" } });
  byId("share-link").value = link ?? "";
  byId("share-link").hidden = !link;
  byId("too-long").hidden = !!link;
  byId("copy").hidden = !link || !navigator.clipboard;
  byId("copied").textContent = "";
  byId("share-dialog").showModal();
  byId("share-link").select();
}

/** Ask for a key, and keep it; false if none is given. Several calls may ask at once. @param {boolean} isRefused */
function askForKey(isRefused) {
  const dialog = byId("key-dialog");
  if (!dialog.open) {
    byId("key-refused").hidden = !isRefused;
    byId("key").value = "";
    byId("forget-key").hidden = !hasKey();
    if (isRefused) forgetKey();
    dialog.returnValue = "";
    dialog.showModal();
  }
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue === "ok" && hasKey()), { once: true }));
}

onKeyNeeded(() => askForKey(hasKey()));
byId("key-dialog").addEventListener("close", () => {
  const key = byId("key").value.trim();
  const { returnValue } = byId("key-dialog");
  if (returnValue === "ok" && key) keepKey(key, byId("remember-key").checked);
  if (returnValue === "forget") forgetKey();
  byId("open-key").hidden = !hasKey();
});

// ---- Start ----------------------------------------------------------------------------------------------------------

form.addEventListener("submit", (/** @type {Event} */ event) => {
  event.preventDefault();
  send();
});
form.addEventListener("input", () => {
  keepText();
  describeSections();
  changed();
});
languageField.addEventListener("change", () => {
  showLanguage();
  editor?.speak(languageField.value);
  offerSample();
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.defaultPrevented || document.querySelector("dialog[open]")) return;
  event.preventDefault();
  form.requestSubmit();
});
document.getElementById("run-input")?.addEventListener("click", () => send(true));
byId("sample").addEventListener("click", () => {
  if (files.all.length) {
    if (!confirm(t("discard_files"))) return;
    files.replace([]);
  }
  sample = languages.get(languageField.value)?.sample ?? "";
  write(sample);
  editor?.focus();
});
byId("choose").addEventListener("click", () => byId("file").click());
byId("file").addEventListener("change", async () => {
  await addFiles(byId("file").files);
  byId("file").value = "";
});
byId("add-file").addEventListener("click", () => {
  keepText();
  files.create();
});
byId("add-test").addEventListener("click", () => addTest().focus());
buttons.cancel.addEventListener("click", reporting(async () => void (await call(`submissions/${shown.id}/cancel`, { method: "POST" }))));
buttons.rerun.addEventListener("click", reporting(rerun));
buttons.download.addEventListener("click", reporting(() => save(`submissions/${shown.id}/output`, `output-${shown.id}.txt`)));
byId("open-history").addEventListener("click", showHistory);
byId("open-key").addEventListener("click", () => askForKey(false));
byId("share").addEventListener("click", share);
byId("copy").addEventListener("click", async () => {
  await navigator.clipboard.writeText(byId("share-link").value);
  byId("copied").textContent = t("copied");
});
// The fragment may hold the program.
for (const link of document.querySelectorAll("a[hreflang]")) {
  link.addEventListener("click", () => (/** @type {HTMLAnchorElement} */ (link).hash = location.hash));
}
byId("clear-history").addEventListener("click", () => {
  history.forgetAll();
  showHistory();
});
window.addEventListener("popstate", () => {
  movePlace();
  followAddress().catch(fail);
});
window.addEventListener("pagehide", saveDraft);
window.addEventListener("beforeunload", (event) => {
  saveDraft();
  if (isUnsaved) event.preventDefault();
});

const drop = byId("drop");
// The editor is in a shadow tree, and would insert the name of a dropped file as text.
for (const name of ["dragenter", "dragover", "dragleave", "drop"]) {
  drop.addEventListener(
    name,
    (/** @type {DragEvent} */ event) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      event.stopPropagation();
      drop.classList.toggle("over", name === "dragenter" || name === "dragover");
      if (name === "drop") addFiles(event.dataTransfer.files);
    },
    { capture: true },
  );
}

for (const element of document.querySelectorAll(".scripted")) /** @type {HTMLElement} */ (element).hidden = false;
for (const element of document.querySelectorAll(".unscripted")) element.remove();
byId("open-key").hidden = !hasKey();
files.draw();
const draft = drafts.load(place());
if (draft) fill(draft);
describeSections();
loadLanguages().then(() => (idOf() || isShared() ? followAddress() : undefined)).catch(fail);
// For the tests, which measure how soon the page can be used.
startEditor().then(() => performance.mark("interactive"));
