// The unit tests that go with the program: files, with a line for each.

import { asBody, ofBody, readFiles, sizeOf } from "./files.js";
import { byId, el, number, size, t } from "./page.js";
import { visible } from "./visible.js";

const section = byId("unit-tests");
/** @type {import("./files.js").SourceFile[]} */
let files = [];

/** Return the files as API v1 takes them. */
export const read = () => files.map(asBody);

/** Show these files in place of all others. A draft or a link may hold anything. @param {any} bodies */
export function fill(bodies) {
  files = Array.isArray(bodies) ? bodies.map(ofBody) : [];
  draw();
}

/** Show the section if the language has unit tests, or there are some. @param {any} language */
export function show(language) {
  section.hidden = !language?.unit_tests?.length && !files.length;
}

/** @param {Iterable<File>} chosen */
async function add(chosen) {
  const added = await readFiles(chosen);
  files = [...files.filter((file) => added.every((other) => other.path !== file.path)), ...added];
  draw();
  changed();
}

/** Tell the form that it has changed. */
const changed = () => byId("program").dispatchEvent(new Event("input"));

function draw() {
  section.open ||= files.length > 0;
  byId("unit-tests-summary").textContent = files.length ? number(files.length) : "";
  const rows = files.map((file) => {
    const remove = () => {
      files = files.filter((other) => other !== file);
      draw();
      changed();
      byId("choose-unit-tests").focus();
    };
    const label = t("remove", { name: file.path });
    const button = el("button", { type: "button", class: "quiet", "aria-label": label, click: remove }, "×");
    return el("li", {}, el("code", {}, ...visible(file.path)), ` ${size(sizeOf(file))} `, button);
  });
  byId("unit-test-files").replaceChildren(...rows);
}

byId("choose-unit-tests").addEventListener("click", () => byId("unit-test-file").click());
byId("unit-test-file").addEventListener("change", async () => {
  await add(byId("unit-test-file").files);
  byId("unit-test-file").value = "";
});
for (const name of ["dragenter", "dragover", "dragleave", "drop"]) {
  section.addEventListener(name, (/** @type {DragEvent} */ event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    section.classList.toggle("over", name === "dragenter" || name === "dragover");
    if (name === "drop") add(event.dataTransfer.files);
  });
}
