// Shows texts of strangers. Characters that a reader cannot see, or that would turn others around, become marks.
// `api_service/web/visible.py` does the same on the server.

import { el } from "./page.js";

// C0 and C1 controls but for tab and newline; marks of direction; spaces and joiners without a width; separators of
// lines; annotations; tags. U+200C and U+200D stay: Persian is spelled with the one, emoji are joined by the other.
const HIDDEN =
  /[\0-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/gu;

/** Return the mark that a reader sees in the place of a character. @param {string} character */
function mark(character) {
  return `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;
}

/** Return the nodes that show a sentence of the API: what it has between backticks is code. @param {string} text */
export const sentence = (text) => text.split("`").flatMap((part, index) => (index % 2 ? el("code", {}, ...visible(part)) : visible(part)));

/** Return the nodes that show a text: text nodes, and a mark for each hidden character. @param {string} text */
export function visible(text) {
  const nodes = [];
  const plain = text.replaceAll("\r\n", "\n");
  let end = 0;
  for (const found of plain.matchAll(HIDDEN)) {
    if (found.index > end) nodes.push(document.createTextNode(plain.slice(end, found.index)));
    nodes.push(el("span", { class: "control" }, mark(found[0])));
    end = found.index + found[0].length;
  }
  if (end < plain.length) nodes.push(document.createTextNode(plain.slice(end)));
  return nodes;
}
