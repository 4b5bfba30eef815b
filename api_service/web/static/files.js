// The files of a program: one that is edited, or several with a tab for each.

import { el, size, t } from "./page.js";
import { visible } from "./visible.js";

/** @typedef {{path: string, text: string | null, data: Uint8Array | null, state: any}} SourceFile */

/** The largest file that is edited; a larger one is only sent. */
const LARGEST_TEXT = 1 << 20;

export class Files {
  /**
   * @param {HTMLElement} tabs
   * @param {{show: (file: SourceFile | null) => void, changed: () => void}} handlers
   */
  constructor(tabs, { show, changed }) {
    this.tabs = tabs;
    this.show = show;
    this.changed = changed;
    /** @type {SourceFile[]} Empty while the program is a text without a name. */
    this.all = [];
    this.current = 0;
  }

  /** Add files, in the place of those with the same path. The first of all is the one that is run. @param {SourceFile[]} added */
  add(added) {
    for (const file of added) {
      const known = this.all.findIndex((one) => one.path === file.path);
      if (known >= 0) this.all[known] = file;
      else this.all.push(file);
    }
    this.select(this.all.length - added.length);
  }

  /** @param {SourceFile} file */
  remove(file) {
    this.all = this.all.filter((one) => one !== file);
    this.select(Math.min(this.current, this.all.length - 1));
  }

  clear() {
    this.replace([]);
  }

  /** @param {SourceFile[]} files */
  replace(files) {
    this.all = files;
    this.select(0);
  }

  /** @param {number} index */
  select(index) {
    this.current = Math.max(0, index);
    this.show(this.all[this.current] ?? null);
    this.draw();
    this.changed();
  }

  get selected() {
    return this.all[this.current] ?? null;
  }

  draw() {
    this.tabs.hidden = this.all.length === 0;
    const items = this.all.map((file, index) => {
      const isCurrent = index === this.current;
      const open = el(
        "button",
        { type: "button", class: "tab", "aria-pressed": String(isCurrent), click: () => this.select(index) },
        el("code", {}, ...visible(file.path)),
        index === 0 && this.all.length > 1 && el("span", { class: "entry" }, t("entry")),
      );
      const close = el("button", { type: "button", class: "quiet close", "aria-label": t("remove", { name: file.path }), click: () => this.remove(file) }, "×");
      return el("li", { class: isCurrent ? "current" : "" }, open, close);
    });
    this.tabs.replaceChildren(...items);
  }
}

/**
 * Read files that were dropped or chosen. One that is no text is kept as bytes.
 * @param {Iterable<File>} chosen
 * @returns {Promise<SourceFile[]>}
 */
export async function readFiles(chosen) {
  return Promise.all(
    [...chosen].map(async (file) => {
      const data = new Uint8Array(await file.arrayBuffer());
      return sourceFile(file.webkitRelativePath || file.name, data);
    }),
  );
}

/** Return a file of the program. @param {string} path @param {Uint8Array} data @returns {SourceFile} */
export function sourceFile(path, data) {
  return { path, ...contentOf(data), state: null };
}

/** @param {Uint8Array} data */
function contentOf(data) {
  if (data.length <= LARGEST_TEXT) {
    try {
      const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data);
      if (!text.includes("\0")) return { text, data: null };
    } catch {
      // It is no UTF-8.
    }
  }
  return { text: null, data };
}

/** Return what stands in the editor's place for a file that is no text. @param {SourceFile} file */
export const notText = (file) => t("not_text", { name: file.path, size: size(file.data?.length ?? 0) });

/** Return a file as API v1 takes it. @param {SourceFile} file */
export function asBody(file) {
  if (file.data === null) return { path: file.path, content: file.text ?? "" };
  let binary = "";
  for (let start = 0; start < file.data.length; start += 0x8000) {
    binary += String.fromCharCode(...file.data.subarray(start, start + 0x8000));
  }
  return { path: file.path, content: btoa(binary), encoding: "base64" };
}
