// The files of a program, with a tab for each. A program without files is a text under the language's usual name.

import { el, size, t } from "./page.js";
import { visible } from "./visible.js";

/** @typedef {{path: string, text: string | null, data: Uint8Array | null, state: any}} SourceFile `state` is the editor's. */

/** The largest file that is edited; a larger one is only sent. */
const LARGEST_TEXT = 1 << 20;
const MAIN = /^main\.[^./]+$/i;

export class Files {
  /**
   * @param {HTMLElement} tabs
   * @param {{show: (file: SourceFile | null, before: SourceFile | null) => void, changed: () => void, text: () => string, usualName: () => string}} host
   */
  constructor(tabs, host) {
    this.tabs = tabs;
    this.host = host;
    /** @type {SourceFile[]} Empty while the program is a text without a name. */
    this.all = [];
    this.current = 0;
    /** @type {SourceFile | null} The file that is run. */
    this.entry = null;
  }

  get selected() {
    return this.all[this.current] ?? null;
  }

  /** Add files, in the place of those with the same path. @param {SourceFile[]} added */
  add(added) {
    const before = this.selected;
    for (const file of added) {
      const known = this.all.findIndex((one) => one.path === file.path);
      if (known < 0) this.all.push(file);
      else {
        if (this.entry === this.all[known]) this.entry = file;
        this.all[known] = file;
      }
    }
    this.entry ??= added.find((file) => MAIN.test(file.path)) ?? added[0];
    this.select(this.all.indexOf(added.includes(this.entry) ? this.entry : added[0]), before);
  }

  /** Show these files in place of all others. @param {SourceFile[]} files @param {string} [entry] */
  replace(files, entry) {
    const before = this.selected;
    this.all = files;
    this.entry = files.find((file) => file.path === entry) ?? files[0] ?? null;
    this.select(this.entry ? files.indexOf(this.entry) : 0, before);
  }

  /** @param {SourceFile} file */
  remove(file) {
    const before = this.selected;
    const index = this.all.indexOf(file);
    this.all = this.all.filter((one) => one !== file);
    if (this.entry === file) this.entry = this.all[0] ?? null;
    this.select(Math.min(this.current - (index < this.current ? 1 : 0), this.all.length - 1), before);
  }

  /** Add an empty file, and ask for its name. */
  create() {
    this.adopt();
    const extension = /\.[^.]+$/.exec(this.host.usualName())?.[0] ?? "";
    let number = this.all.length + 1;
    while (this.all.some((file) => file.path === `file${number}${extension}`)) number++;
    this.add([{ path: `file${number}${extension}`, text: "", data: null, state: null }]);
    this.rename();
  }

  /** Make the text without a name the first file. */
  adopt() {
    if (this.all.length) return;
    this.all = [{ path: this.host.usualName(), text: this.host.text(), data: null, state: null }];
    this.entry = this.all[0];
    this.current = 0;
  }

  /** Ask for another name of the current file, in the place of its tab. */
  rename() {
    this.adopt();
    this.draw();
    const file = this.selected;
    const field = el("input", { class: "code", value: file.path, "aria-label": t("rename", { name: file.path }), spellcheck: "false", autocapitalize: "off" });
    const end = (/** @type {boolean} */ isKept) => {
      if (!field.isConnected) return;
      const path = field.value.trim();
      if (isKept && path && !this.all.some((one) => one.path === path)) file.path = path;
      this.draw();
      this.host.changed();
    };
    const dot = file.path.search(/\.[^./]*$/);
    const [stem, extension] = dot < 0 ? [file.path, ""] : [file.path.slice(0, dot), file.path.slice(dot)];
    const countDots = () => field.value.split(".").length;
    let dots = countDots();
    field.addEventListener("input", () => {
      // A dot that is typed before the extension begins another one in its place.
      const before = field.value.slice(0, field.selectionStart);
      if (countDots() > dots && field.value === before + extension) field.value = before;
      dots = countDots();
    });
    field.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
      if (event.key !== "Enter" && event.key !== "Escape") return;
      event.preventDefault();
      end(event.key === "Enter");
      this.tabs.querySelector(".current .tab")?.focus();
    });
    field.addEventListener("blur", () => end(true));
    this.tabs.querySelector(".current")?.replaceChildren(field);
    field.focus();
    field.setSelectionRange(0, stem.length);
  }

  /** @param {number} index @param {SourceFile | null} [before] The file that was shown. */
  select(index, before = this.selected) {
    this.current = Math.max(0, index);
    this.host.show(this.selected, before);
    this.draw();
    this.host.changed();
  }

  draw() {
    const shown = this.all.length ? this.all : [{ path: this.host.usualName(), text: "", data: null, state: null }];
    const items = shown.map((file, index) => {
      const isCurrent = index === this.current;
      const name = { name: file.path };
      const parts = [
        el("button", { type: "button", class: "tab", "aria-pressed": String(isCurrent), click: () => this.select(index) }, el("code", {}, ...visible(file.path))),
      ];
      if (this.all.length > 1) {
        parts.push(
          file === this.entry
            ? el("span", { class: "entry" }, t("entry"))
            : isCurrent && file.text !== null && el("button", { type: "button", class: "quiet small", "aria-label": t("make_entry", name), click: () => this.run(file) }, t("make_entry.short")),
        );
      }
      if (isCurrent) parts.push(el("button", { type: "button", class: "quiet", "aria-label": t("rename", name), title: t("rename", name), click: () => this.rename() }, "✎"));
      if (this.all.length) parts.push(el("button", { type: "button", class: "quiet close", "aria-label": t("remove", name), click: () => this.remove(file) }, "×"));
      return el("li", { class: isCurrent ? "current" : "" }, ...parts);
    });
    this.tabs.replaceChildren(...items);
  }

  /** Let another file be the one that is run. @param {SourceFile} file */
  run(file) {
    this.entry = file;
    this.draw();
    this.host.changed();
    this.tabs.querySelector(".current .tab")?.focus();
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

/** Return the bytes of a file. @param {SourceFile} file */
export const sizeOf = (file) => file.data?.length ?? new TextEncoder().encode(file.text ?? "").length;

/** Return what stands in the editor's place for a file that is no text. @param {SourceFile} file */
export const notText = (file) => t("not_text", { name: file.path, size: size(sizeOf(file)) });

/** Return a file as API v1 takes it. @param {SourceFile} file */
export function asBody(file) {
  if (file.data === null) return { path: file.path, content: file.text ?? "" };
  return { path: file.path, content: base64(file.data), encoding: "base64" };
}

/** Return the file of what `asBody` made. @param {any} body @returns {SourceFile} */
export function ofBody({ path, content, encoding }) {
  if (encoding !== "base64") return { path: String(path), text: String(content), data: null, state: null };
  return sourceFile(String(path), bytesOf(String(content)));
}

/** @param {Uint8Array} data */
export function base64(data) {
  let binary = "";
  for (let start = 0; start < data.length; start += 0x8000) {
    binary += String.fromCharCode(...data.subarray(start, start + 0x8000));
  }
  return btoa(binary);
}

/** Return the bytes of a text in base64. @param {string} text */
export const bytesOf = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
