// The page on which a program is written, sent and watched.

import { Problem, ask, call, events, forgetKey, hasKey, onKeyNeeded } from "./api.js";
import { unpack } from "./archive.js";
import { Files, asBody, notText, readFiles, sourceFile } from "./files.js";
import * as history from "./history.js";
import { afterPause, byId, el, locale, moment, number, root, t } from "./page.js";
import { FINAL, ended, labelOf, marksOfRun, pill, placeIn, testsOf, toneOf } from "./result.js";
import { visible } from "./visible.js";

const DRAFT = "precieux.draft";
const MEBIBYTE = 2 ** 20;
/** The time between two questions for the place in the queue. */
const PLACE_MS = 2000;
/** As in program.css. */
const NARROW = matchMedia("(max-width: 61.99rem)");

const form = byId("program");
const source = byId("source");
const languageField = byId("language");
const tests = byId("tests");
const status = byId("status");
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
/** The sample in the editor, as long as it is unchanged. */
let sample = "";

// ---- The program ----------------------------------------------------------------------------------------------------

const text = () => editor?.text ?? source.value;

/** @param {string} content */
function write(content) {
  if (editor) editor.write(content);
  source.value = content;
}

const files = new Files(byId("files"), {
  show: (file) => {
    byId("editor").hidden = file !== null && file.text === null;
    byId("not-text").hidden = file === null || file.text !== null;
    if (file === null) return write("");
    if (file.text === null) byId("not-text").replaceChildren(notText(file));
    else write(file.text);
  },
  changed: () => saveDraft(),
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
    onChange: () => (keepText(), saveDraft()),
    onRun: () => form.requestSubmit(),
  });
  source.hidden = true;
  host.hidden = false;
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
  if (shown || files.all.length || text().trim() !== sample.trim()) return;
  sample = languages.get(languageField.value)?.sample ?? "";
  write(sample);
}

function showLanguage() {
  const language = languages.get(languageField.value);
  byId("version").textContent = language?.version ?? "";
  const options = language?.compiler_args ?? [];
  byId("compiler-args-field").hidden = options.length === 0;
  byId("compiler-args-hint").textContent = options.join("  ");
  byId("cpu_s").placeholder = language?.limits.cpu_s ? String(language.limits.cpu_s) : "";
  byId("memory_mib").placeholder = language?.limits.memory_bytes ? String(language.limits.memory_bytes / MEBIBYTE) : "";
}

/** @param {Iterable<File>} chosen */
async function addFiles(chosen) {
  const added = await readFiles(chosen);
  if (!added.length) return;
  keepText();
  files.add(added);
  const extension = /\.[^.]+$/.exec(files.all[0].path)?.[0].toLowerCase();
  const found = [...languages.values()].find((language) => language.extensions.includes(extension));
  if (found) {
    languageField.value = found.code;
    showLanguage();
    editor?.speak(found.code);
  }
  editor?.focus();
}

// ---- Tests ----------------------------------------------------------------------------------------------------------

function addTest({ stdin = "", expected = "", hidden = false } = {}) {
  const row = byId("test-row").content.firstElementChild.cloneNode(true);
  const [input, output] = row.querySelectorAll("textarea");
  input.value = stdin;
  output.value = expected;
  row.querySelector("input").checked = hidden;
  row.querySelector("button").addEventListener("click", () => {
    row.remove();
    numberTests();
    byId("add-test").focus();
  });
  tests.append(row);
  numberTests();
  return input;
}

function numberTests() {
  [...tests.children].forEach((row, index) => {
    row.querySelector("th").textContent = number(index + 1);
    row.querySelectorAll("[aria-label]").forEach((/** @type {Element} */ field) => {
      const name = /** @type {HTMLElement} */ (field).dataset.label ?? "";
      field.setAttribute("aria-label", t("of_test", { what: name, number: number(index + 1) }));
    });
  });
  describeSections();
}

function readTests() {
  return [...tests.children]
    .map((row) => {
      const [input, output] = row.querySelectorAll("textarea");
      return { stdin: input.value, expected: output.value, hidden: row.querySelector("input").checked };
    })
    .filter((test) => test.stdin !== "" || test.expected !== "");
}

/** Say in the heading of each closed section what is in it. */
function describeSections() {
  const count = readTests().length;
  byId("tests-summary").textContent = count ? number(count) : "";
  byId("mail-summary").textContent = form.email.value;
  const limits = [form.args.value && t("arguments"), (form.cpu_s.value || form.memory_mib.value) && t("limits")];
  byId("options-summary").textContent = limits.filter(Boolean).join(", ");
  byId("stdin-field").hidden = count > 0;
  byId("stdin-unused").hidden = count === 0;
}

// ---- Drafts ---------------------------------------------------------------------------------------------------------

const FIELDS = ["language", "stdin", "args", "compiler_args", "cpu_s", "memory_mib", "email", "checker"];

const saveDraft = afterPause(() => {
  const fields = Object.fromEntries(FIELDS.map((name) => [name, form[name].value]));
  const draft = { fields, text: files.all.length ? null : text(), sample, tests: readTests() };
  try {
    sessionStorage.setItem(DRAFT, JSON.stringify(draft));
  } catch {
    // Without storage, a reload loses what was written.
  }
}, 200);

function restoreDraft() {
  const draft = JSON.parse(sessionStorage.getItem(DRAFT) ?? "null");
  if (!draft) return;
  for (const name of FIELDS) if (draft.fields[name] !== undefined) form[name].value = draft.fields[name];
  if (!languageField.value) languageField.selectedIndex = 0;
  if (draft.text !== null) source.value = draft.text;
  sample = draft.sample;
  draft.tests.forEach(addTest);
  for (const details of form.querySelectorAll("details")) {
    details.open ||= [...details.querySelectorAll("input, textarea")].some((field) => field.value && field.type !== "checkbox");
  }
  describeSections();
}

// ---- Sending --------------------------------------------------------------------------------------------------------

/** @param {string} field */
const lines = (field) => form[field].value.split("\n").filter((/** @type {string} */ line) => line !== "");

/** Return the submission of the form, as API v1 takes it. */
function submission() {
  keepText();
  const cases = readTests();
  const limits = {
    cpu_s: form.cpu_s.value ? Number(form.cpu_s.value) : null,
    memory_bytes: form.memory_mib.value ? Math.round(Number(form.memory_mib.value) * MEBIBYTE) : null,
  };
  const args = lines("args");
  return {
    language: languageField.value,
    ...(files.all.length ? { files: files.all.map(asBody) } : { source: text() }),
    compiler_args: byId("compiler-args-field").hidden ? null : form.compiler_args.value.split(/\s+/).filter(Boolean),
    limits: limits.cpu_s || limits.memory_bytes ? limits : null,
    email: form.email.value.trim() || null,
    locale,
    ...(cases.length
      ? {
          checker: { kind: form.checker.value },
          tests: cases.map(({ stdin, expected, hidden }) => ({ stdin, args, hidden, expected_output: expected })),
        }
      : { stdin: form.stdin.value, args }),
  };
}

async function send() {
  clearFaults();
  byId("run").disabled = true;
  show("sending", el("span", { class: "verdict waiting running" }, t("sending")));
  try {
    const sent = submission();
    const made = await post(sent);
    const title = files.all[0]?.path ?? text().trim().split("\n", 1)[0].slice(0, 80);
    history.remember({ id: made.id, language: made.language, title, at: made.created_at, state: made.state, verdict: null });
    scrollToResult();
    window.history.pushState({ id: made.id }, "", new URL(`submissions/${made.id}`, root));
    watch(made);
  } catch (error) {
    fail(error);
  } finally {
    byId("run").disabled = false;
  }
}

/** On a narrow screen, where the result is below the program, scroll to it. */
function scrollToResult() {
  if (NARROW.matches) byId("panel").scrollIntoView({ block: "start", behavior: "instant" });
}

/** @param {any} sent */
async function post(sent) {
  const [first] = files.all;
  if (files.all.length !== 1 || !first.data || !/\.zip$/i.test(first.path)) {
    return ask("submissions", { method: "POST", json: sent });
  }
  // Only forms are unpacked.
  const { files: _, ...rest } = sent;
  const data = new FormData();
  data.append("file", new Blob([/** @type {any} */ (first.data)]), first.path);
  data.append("submission", new Blob([JSON.stringify(rest)], { type: "application/json" }));
  return ask("submissions", { method: "POST", body: data });
}

/** Show an error where it belongs. @param {any} error */
function fail(error) {
  if (error instanceof Problem === false) throw error;
  show("problem", el("span", { class: "verdict bad" }, t("refused")));
  const faults = error.errors?.length ? error.errors : [{ pointer: "", detail: error.message }];
  const items = faults.map(({ pointer = "", detail }) => {
    const field = fieldOf(pointer);
    field?.setAttribute("aria-invalid", "true");
    field?.closest("details")?.setAttribute("open", "");
    const where = pointer && el("code", {}, pointer.slice(1).replaceAll("/", "."));
    return el("li", {}, where, where && " ", el("bdi", { lang: "en", dir: "ltr" }, detail));
  });
  body.replaceChildren(el("ul", { class: "notice bad plain" }, ...items));
  form.querySelector("[aria-invalid]")?.focus();
}

/** Return the field that a fault of the API is about. @param {string} pointer */
function fieldOf(pointer) {
  const [, key, inner] = pointer.split("/");
  if (key === "tests") return tests.children[Number(inner)]?.querySelector("textarea");
  if (key === "limits") return inner === "cpu_s" ? byId("cpu_s") : inner === "memory_bytes" ? byId("memory_mib") : null;
  return key && key !== "source" && key !== "files" ? form.elements.namedItem(key) : null;
}

function clearFaults() {
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
  let place = submission.queue;
  showState(submission.state, place);
  if (FINAL.has(submission.state) && submission.run) return finish(submission);
  const asking = setInterval(async () => {
    if (!isQueued) return;
    const { queue } = await ask(`submissions/${submission.id}`).catch(() => ({ queue: null }));
    place = queue;
    // While we waited, the stream may have said that the program runs.
    if (isQueued && !signal.aborted) showState("queued", place);
  }, PLACE_MS);
  signal.addEventListener("abort", () => clearInterval(asking));
  try {
    for await (const { name, data } of events(submission.id, signal)) {
      if (signal.aborted) return;
      if (name === "state") showState(data.state, data.state === "queued" ? place : null);
      else if (name === "finished") return finish(data);
      else if (name === "test") {
        done.set(data.number, data);
        body.replaceChildren(testsOf([...done.values()], submission));
      }
    }
    // The stream has ended before: another tab has seen its end.
    if (!signal.aborted) finish(await ask(`submissions/${submission.id}`));
  } catch (error) {
    if (!signal.aborted) fail(error);
  } finally {
    clearInterval(asking);
  }
}

/** @param {string} state @param {any} queue */
function showState(state, queue) {
  if (state === "queued" || state === "running") body.replaceChildren(el("div", { class: "progress", "aria-hidden": "true" }));
  show(state, pill(state, null), queue ? el("span", { class: "muted" }, placeIn(queue)) : null);
  history.update({ id: shown.id, state });
}

/** @param {any} submission */
function finish(submission) {
  shown = submission;
  show(submission.state, pill(submission.state, submission.verdict));
  body.replaceChildren(...ended(submission, { goTo: (line) => editor?.goTo(line), save, show: showImage }));
  editor?.mark(marksOfRun(submission));
  document.title = `${labelOf(submission.state, submission.verdict)} · Precieux`;
  history.update({ id: submission.id, state: submission.state, verdict: submission.verdict });
  // For the tests, which measure how long after its end a result is on the screen.
  performance.mark("result", { detail: submission.id });
}

/** Show how things stand, and what can be done. @param {string} state @param {...(Node | null)} parts */
function show(state, ...parts) {
  isQueued = state === "queued";
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

/** Show the submission of the address, with its program. @param {number} id */
async function open(id) {
  watching?.abort();
  const submission = await ask(`submissions/${id}`);
  languageField.value = submission.language;
  showLanguage();
  editor?.speak(submission.language);
  const program = await call(`submissions/${id}/source`);
  if (submission.files.length === 1) {
    files.clear();
    write(await program.text());
  } else {
    const unpacked = (await unpack(await program.arrayBuffer())).map(({ path, data }) => sourceFile(path, data));
    // The first one is that which is run.
    const entry = unpacked.filter((file) => file.path === submission.entry);
    files.replace([...entry, ...unpacked.filter((file) => !entry.includes(file))]);
  }
  watch(submission);
}

/** Return the id of the submission that an address shows, if any. */
const idOf = () => Number(/\/submissions\/([1-9][0-9]*)\/?$/.exec(location.pathname)?.[1] ?? 0);

async function followAddress() {
  const id = idOf();
  if (id) return open(id);
  watching?.abort();
  shown = null;
  show("empty");
  body.replaceChildren(byId("welcome").content.cloneNode(true));
  editor?.mark([]);
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

onKeyNeeded(
  () =>
    new Promise((resolve) => {
      const dialog = byId("key-dialog");
      if (dialog.open) return dialog.addEventListener("close", () => resolve(dialog.returnValue === "ok" ? byId("key").value : null), { once: true });
      byId("key-refused").hidden = !hasKey();
      forgetKey();
      byId("key").value = "";
      dialog.returnValue = "";
      dialog.addEventListener("close", () => resolve(dialog.returnValue === "ok" && byId("key").value ? byId("key").value.trim() : null), { once: true });
      dialog.showModal();
    }),
);

// ---- Start ----------------------------------------------------------------------------------------------------------

form.addEventListener("submit", (/** @type {Event} */ event) => {
  event.preventDefault();
  send();
});
form.addEventListener("input", () => (describeSections(), saveDraft()));
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
byId("sample").addEventListener("click", () => {
  files.clear();
  sample = languages.get(languageField.value)?.sample ?? "";
  write(sample);
  editor?.focus();
});
byId("choose").addEventListener("click", () => byId("file").click());
byId("file").addEventListener("change", async () => {
  await addFiles(byId("file").files);
  byId("file").value = "";
});
byId("add-test").addEventListener("click", () => addTest().focus());
buttons.cancel.addEventListener("click", reporting(async () => void (await call(`submissions/${shown.id}/cancel`, { method: "POST" }))));
buttons.rerun.addEventListener("click", reporting(rerun));
buttons.download.addEventListener("click", reporting(() => save(`submissions/${shown.id}/output`, `output-${shown.id}.txt`)));
byId("open-history").addEventListener("click", showHistory);
byId("clear-history").addEventListener("click", () => {
  history.forgetAll();
  showHistory();
});
window.addEventListener("popstate", () => followAddress().catch(fail));

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
restoreDraft();
describeSections();
const isOpening = idOf() !== 0;
loadLanguages().then(() => (isOpening ? followAddress() : undefined)).catch(fail);
// For the tests, which measure how soon the page can be used.
startEditor().then(() => performance.mark("interactive"));
