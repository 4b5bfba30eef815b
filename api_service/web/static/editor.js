// The editor of the program: CodeMirror in place of the text area of the form.

import {
  Compartment, EditorState, EditorView, HighlightStyle, bracketMatching, defaultKeymap, drawSelection, grammar,
  highlightActiveLine, highlightActiveLineGutter, highlightSpecialChars, history, historyKeymap, indentOnInput,
  indentUnit, indentWithTab, keymap, lineNumbers, lintGutter, setDiagnostics, syntaxHighlighting, tags,
} from "./vendor/codemirror/codemirror.js";

// Colours are variables of send.css, so that they follow the scheme of the page.
const colours = HighlightStyle.define([
  { tag: [tags.keyword, tags.operatorKeyword, tags.modifier], color: "var(--code-keyword)" },
  { tag: [tags.string, tags.special(tags.string), tags.regexp, tags.character], color: "var(--code-string)" },
  { tag: [tags.number, tags.bool, tags.null, tags.atom], color: "var(--code-number)" },
  { tag: [tags.comment, tags.meta], color: "var(--code-comment)" },
  { tag: [tags.function(tags.variableName), tags.function(tags.definition(tags.variableName))], color: "var(--code-function)" },
  { tag: [tags.typeName, tags.className, tags.namespace], color: "var(--code-type)" },
  { tag: [tags.definition(tags.variableName), tags.propertyName], color: "var(--code-name)" },
  { tag: tags.invalid, color: "var(--bad)" },
]);

const look = EditorView.theme({
  "&": { height: "100%", color: "var(--ink)", backgroundColor: "var(--raised)", fontSize: ".875rem" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.55", overflow: "auto" },
  ".cm-content": { padding: ".6rem 0", caretColor: "var(--ink)" },
  ".cm-line": { padding: "0 .9rem 0 .5rem" },
  ".cm-gutters": { backgroundColor: "var(--raised)", color: "var(--muted)", border: "none" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "var(--code-line)" },
  ".cm-activeLineGutter": { color: "var(--ink)" },
  ".cm-cursor": { borderLeftColor: "var(--ink)", borderLeftWidth: "2px" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": {
    backgroundColor: "var(--code-selection)",
  },
  "&.cm-focused .cm-matchingBracket": { backgroundColor: "var(--code-selection)" },
  ".cm-specialChar": { color: "var(--bad)" },
  ".cm-tooltip": {
    backgroundColor: "var(--raised)", color: "var(--ink)", border: "1px solid var(--line)", borderRadius: "8px",
    fontFamily: "var(--mono)", fontSize: ".8125rem", maxWidth: "40rem",
  },
  ".cm-lintRange-error": { backgroundImage: "none", textDecoration: "underline wavy var(--bad)", textUnderlineOffset: "3px" },
  ".cm-lintRange-warning": { backgroundImage: "none", textDecoration: "underline wavy var(--waiting)" },
  ".cm-lint-marker": { width: ".8em", height: ".8em", content: "none", borderRadius: "50%", marginTop: ".35em" },
  ".cm-lint-marker-error": { backgroundColor: "var(--bad)" },
  ".cm-lint-marker-warning": { backgroundColor: "var(--waiting)" },
  ".cm-gutter-lint": { width: "1.1em" },
});

/**
 * Type over a selection. A browser would keep the selection's colour in an inline style, which the policy forbids.
 * @param {InputEvent} event
 * @param {EditorView} view
 */
function typeOver(event, view) {
  if (event.inputType !== "insertText" || !event.data || view.composing || view.state.selection.main.empty) return false;
  event.preventDefault();
  view.dispatch({ ...view.state.replaceSelection(event.data), userEvent: "input.type", scrollIntoView: true });
  return true;
}

/** An editor of one text at a time; `swap` shows another one. */
export class Editor {
  /**
   * @param {HTMLElement} host
   * @param {{text: string, language: string, label: string, describedBy: string, onChange: () => void, onRun: () => void}} options
   */
  constructor(host, { text, language, label, describedBy, onChange, onRun }) {
    this.grammar = new Compartment();
    this.language = "";
    this.extensions = [
      // Before the default keys, where it would make a line.
      keymap.of([{ key: "Mod-Enter", preventDefault: true, run: () => (onRun(), true) }]),
      lineNumbers(), lintGutter(), highlightSpecialChars(), history(), drawSelection(), indentOnInput(), bracketMatching(),
      highlightActiveLine(), highlightActiveLineGutter(), indentUnit.of("    "), EditorState.tabSize.of(4),
      keymap.of([...defaultKeymap, ...historyKeymap, indentWithTab]),
      syntaxHighlighting(colours), look, this.grammar.of([]),
      EditorView.contentAttributes.of({
        "aria-label": label, "aria-description": describedBy, dir: "ltr", autocapitalize: "off", autocorrect: "off",
        spellcheck: "false", tabindex: "0", translate: "no",
      }),
      EditorView.domEventHandlers({ beforeinput: typeOver }),
      EditorView.updateListener.of((update) => update.docChanged && onChange()),
    ];
    // In a shadow tree CodeMirror adopts style sheets; in the document it would write inline ones, which the policy forbids.
    const shadow = host.shadowRoot ?? host.attachShadow({ mode: "open", delegatesFocus: true });
    this.view = new EditorView({ state: this.stateOf(text), root: shadow, parent: shadow });
    this.speak(language);
  }

  get text() {
    return this.view.state.doc.toString();
  }

  /** @param {string} text */
  stateOf(text) {
    return EditorState.create({ doc: text, extensions: this.extensions });
  }

  /** Replace the text, as one step that can be undone. @param {string} text */
  write(text) {
    this.view.dispatch({ changes: { from: 0, to: this.view.state.doc.length, insert: text }, scrollIntoView: true });
  }

  /** Show another text, and return the state of the one before. @param {any} state */
  swap(state) {
    const before = this.view.state;
    this.view.setState(state);
    this.speak(this.language, true);
    return before;
  }

  /** Colour the text as of this language. @param {string} language @param {boolean} [again] */
  async speak(language, again = false) {
    if (language === this.language && !again) return;
    this.language = language;
    const extension = await grammar(language);
    if (this.language === language) this.view.dispatch({ effects: this.grammar.reconfigure(extension) });
  }

  /** Mark lines. @param {import("./marks.js").Mark[]} marks */
  mark(marks) {
    const { doc } = this.view.state;
    const diagnostics = marks
      .filter((mark) => mark.line <= doc.lines)
      .map((mark) => ({ ...this.placeOf(mark), severity: mark.isWarning ? "warning" : "error", message: mark.message }))
      .sort((one, other) => one.from - other.from);
    this.view.dispatch(setDiagnostics(this.view.state, diagnostics));
  }

  /** Return the place of a mark, up to the end of its line. @param {import("./marks.js").Mark} mark */
  placeOf({ line, column }) {
    const { doc } = this.view.state;
    const { from, to, text } = doc.line(Math.min(line, doc.lines));
    return { from: Math.min(from + (column ? column - 1 : text.search(/\S|$/)), to), to };
  }

  /** Put the cursor at a mark. @param {import("./marks.js").Mark} mark */
  goTo(mark) {
    const { from } = this.placeOf(mark);
    this.view.dispatch({ selection: { anchor: from }, effects: EditorView.scrollIntoView(from, { y: "center" }) });
    this.view.focus();
  }

  focus() {
    this.view.focus();
  }
}
