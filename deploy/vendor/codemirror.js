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
  asm: async () => stream((await import("@codemirror/legacy-modes/mode/gas")).gas),
  bash: async () => stream((await import("@codemirror/legacy-modes/mode/shell")).shell),
  bf: async () => stream((await import("@codemirror/legacy-modes/mode/brainfuck")).brainfuck),
  c: async () => (await import("@codemirror/lang-cpp")).cpp(),
  clj: async () => stream((await import("@codemirror/legacy-modes/mode/clojure")).clojure),
  cob: async () => stream((await import("@codemirror/legacy-modes/mode/cobol")).cobol),
  coffee: async () => stream((await import("@codemirror/legacy-modes/mode/coffeescript")).coffeeScript),
  cpp: async () => (await import("@codemirror/lang-cpp")).cpp(),
  cr: async () => stream((await import("@codemirror/legacy-modes/mode/crystal")).crystal),
  cs: async () => stream((await import("@codemirror/legacy-modes/mode/clike")).csharp),
  d: async () => stream((await import("@codemirror/legacy-modes/mode/d")).d),
  erl: async () => stream((await import("@codemirror/legacy-modes/mode/erlang")).erlang),
  f90: async () => stream((await import("@codemirror/legacy-modes/mode/fortran")).fortran),
  go: async () => (await import("@codemirror/lang-go")).go(),
  groovy: async () => stream((await import("@codemirror/legacy-modes/mode/groovy")).groovy),
  java: async () => (await import("@codemirror/lang-java")).java(),
  js: async () => (await import("@codemirror/lang-javascript")).javascript(),
  kt: async () => stream((await import("@codemirror/legacy-modes/mode/clike")).kotlin),
  lisp: async () => stream((await import("@codemirror/legacy-modes/mode/commonlisp")).commonLisp),
  lua: async () => stream((await import("@codemirror/legacy-modes/mode/lua")).lua),
  ml: async () => stream((await import("@codemirror/legacy-modes/mode/mllike")).oCaml),
  octave: async () => stream((await import("@codemirror/legacy-modes/mode/octave")).octave),
  pas: async () => stream((await import("@codemirror/legacy-modes/mode/pascal")).pascal),
  php: async () => (await import("@codemirror/lang-php")).php(),
  pl: async () => stream((await import("@codemirror/legacy-modes/mode/perl")).perl),
  py: async () => (await import("@codemirror/lang-python")).python(),
  r: async () => stream((await import("@codemirror/legacy-modes/mode/r")).r),
  rb: async () => stream((await import("@codemirror/legacy-modes/mode/ruby")).ruby),
  rs: async () => (await import("@codemirror/lang-rust")).rust(),
  scala: async () => stream((await import("@codemirror/legacy-modes/mode/clike")).scala),
  scm: async () => stream((await import("@codemirror/legacy-modes/mode/scheme")).scheme),
  sql: async () => stream((await import("@codemirror/legacy-modes/mode/sql")).sqlite),
  tcl: async () => stream((await import("@codemirror/legacy-modes/mode/tcl")).tcl),
  ts: async () => (await import("@codemirror/lang-javascript")).javascript({ typescript: true }),
  v: async () => stream((await import("@codemirror/legacy-modes/mode/verilog")).verilog),
};
/** Languages that have the grammar of another one. */
const like = {
  clang: "c", clangpp: "cpp", dash: "bash", el: "lisp", luajit: "lua", pypy: "py", rkt: "scm", tcc: "c", vala: "cs",
  zsh: "bash",
};

/** Return the extension that colours a language, or nothing if there is none. */
export async function grammar(code) {
  const own = Object.hasOwn(like, code) ? like[code] : code;
  return Object.hasOwn(grammars, own) ? grammars[own]() : [];
}
