// The page of a problem: its statement and samples, and what was sent to it. `send.js` has the program and its result.

import { ask, isKeyShared, pageOf } from "./api.js";
import { PROBLEM } from "./form.js";
import { byId, el, moment } from "./page.js";
import { pill } from "./result.js";
import { markSolved, sentTo } from "./solved.js";

const input = byId("stdin");
/** @type {Promise<any[]> | null} Exactly as they are: the page marks characters that are not seen. */
let samples = null;

/** Return the part of the page that needs a key. */
async function load() {
  const page = await pageOf(location.pathname + location.search);
  return document.importNode(/** @type {HTMLElement} */ (page.getElementById("loaded")), true);
}

/** Make the buttons and links of the problem work. */
function start() {
  for (const button of document.querySelectorAll("[data-copy]")) button.addEventListener("click", () => copy(/** @type {HTMLElement} */ (button).dataset));
  for (const element of byId("loaded").querySelectorAll(".scripted")) element.hidden = false;
  const allowed = byId("loaded").dataset.languages.split(" ").filter(Boolean);
  const languages = byId("language");
  for (const option of [...languages.options]) if (allowed.length && !allowed.includes(option.value)) option.remove();
  languages.dispatchEvent(new Event("change"));
  showOwn();
}

/** Put a sample into the input, and perhaps run the program with it. @param {DOMStringMap} wanted */
async function copy({ copy: name, run }) {
  samples ??= ask(`problems/${PROBLEM}`).then((problem) => problem.samples);
  input.value = (await samples).find((sample) => sample.name === name).input;
  input.dispatchEvent(new Event("input", { bubbles: true }));
  if (run !== undefined) return byId("run-input").click();
  input.focus();
  input.scrollIntoView({ block: "center" });
}

/** Show what was sent to the problem: from this browser, if others have the key too. */
function showOwn() {
  markSolved(document);
  const list = byId("own");
  if (isKeyShared()) {
    list.replaceChildren(
      ...sentTo(PROBLEM).slice(0, 20).map((entry) => el("li", {}, el("a", { "data-submission": entry.id }, el("span", { class: "grow number" }, moment(entry.at)), pill(entry.state, entry.verdict)))),
    );
  }
  for (const link of list.querySelectorAll("[data-submission]")) link.href = `#submission=${link.dataset.submission}`;
}

document.addEventListener("ended", async () => {
  if (!document.getElementById("own")) return;
  if (!isKeyShared()) {
    const loaded = await load();
    byId("own").replaceWith(/** @type {Element} */ (loaded.querySelector("#own")));
    document.querySelector("h1 [data-solved]")?.replaceWith(/** @type {Element} */ (loaded.querySelector("h1 [data-solved]")));
  }
  showOwn();
});

if ("locked" in byId("loaded").dataset) {
  load()
    .then((loaded) => {
      byId("loaded").replaceWith(loaded);
      document.title = `${loaded.querySelector("h1 bdi")?.textContent ?? PROBLEM} · Precieux`;
      start();
    })
    .catch((error) => byId("locked").replaceWith(el("p", { class: "notice bad", role: "alert" }, error.message)));
} else start();
