// What the pages use of CodeMirror. `deploy/vendor/update` bundles it, each language as a file of its own.
import { EditorState, Compartment } from "@codemirror/state";
import {
  EditorView, keymap, lineNumbers, highlightActiveLine, highlightActiveLineGutter, drawSelection, placeholder,
  highlightSpecialChars,
} from "@codemirror/view";
import { history, historyKeymap, defaultKeymap, indentWithTab } from "@codemirror/commands";
import {
  HighlightStyle, StreamLanguage, bracketMatching, indentOnInput, indentUnit, syntaxHighlighting,
} from "@codemirror/language";
import { lintGutter, setDiagnostics } from "@codemirror/lint";
import { tags } from "@lezer/highlight";

export {
  EditorState, Compartment, EditorView, keymap, lineNumbers, highlightActiveLine, highlightActiveLineGutter,
  drawSelection, placeholder, highlightSpecialChars, history, historyKeymap, defaultKeymap, indentWithTab,
  HighlightStyle, bracketMatching, indentOnInput, indentUnit, syntaxHighlighting, lintGutter, setDiagnostics, tags,
};

const stream = (mode) => StreamLanguage.define(mode);

/** The grammar of each language by the code of its API; a language without one is edited as plain text. */
const grammars = {
  bash: async () => stream((await import("@codemirror/legacy-modes/mode/shell")).shell),
  c: async () => (await import("@codemirror/lang-cpp")).cpp(),
  cpp: async () => (await import("@codemirror/lang-cpp")).cpp(),
  cs: async () => stream((await import("@codemirror/legacy-modes/mode/clike")).csharp),
  f90: async () => stream((await import("@codemirror/legacy-modes/mode/fortran")).fortran),
  go: async () => (await import("@codemirror/lang-go")).go(),
  java: async () => (await import("@codemirror/lang-java")).java(),
  js: async () => (await import("@codemirror/lang-javascript")).javascript(),
  lua: async () => stream((await import("@codemirror/legacy-modes/mode/lua")).lua),
  pas: async () => stream((await import("@codemirror/legacy-modes/mode/pascal")).pascal),
  php: async () => (await import("@codemirror/lang-php")).php(),
  pl: async () => stream((await import("@codemirror/legacy-modes/mode/perl")).perl),
  py: async () => (await import("@codemirror/lang-python")).python(),
  rb: async () => stream((await import("@codemirror/legacy-modes/mode/ruby")).ruby),
  rs: async () => (await import("@codemirror/lang-rust")).rust(),
};

/** Return the extension that colours a language, or nothing if there is none. */
export async function grammar(code) {
  return Object.hasOwn(grammars, code) ? grammars[code]() : [];
}
