// The list of problems. Without a key, the page has a form that asks for one.

import { forgetKey, hasKey, keepKey, onKeyNeeded, pageOf } from "./api.js";
import { byId, el } from "./page.js";
import { markSolved } from "./solved.js";

/** Return true after the form was sent with a key. A key that is kept already is one that the server refuses. */
function askForKey() {
  const form = byId("key-form");
  byId("page-key-refused").hidden = !hasKey();
  forgetKey();
  return new Promise((resolve) => {
    form.onsubmit = (/** @type {Event} */ event) => {
      event.preventDefault();
      keepKey(form.key.value.trim(), false);
      resolve(true);
    };
  });
}

onKeyNeeded(askForKey);
if ("locked" in byId("loaded").dataset) {
  pageOf(location.pathname + location.search)
    .then((page) => byId("loaded").replaceWith(document.importNode(/** @type {Element} */ (page.getElementById("loaded")), true)))
    .catch((error) => byId("loaded").replaceChildren(el("p", { class: "notice bad", role: "alert" }, error.message)))
    .then(() => markSolved(document));
} else markSolved(document);
