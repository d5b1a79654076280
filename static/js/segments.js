/* The builder of a segment's rule: groups and conditions drawn from what the server says each kind asks for. */
"use strict";

const form = document.querySelector("[data-segment]");
const kinds = JSON.parse(document.getElementById("segment-kinds").textContent);
const kindOf = Object.fromEntries(kinds.map((kind) => [kind.on, kind]));
const hidden = form.querySelector("[name=rule]"), said = form.dataset;

function make(tag, props = {}, ...children) {
  const node = Object.assign(document.createElement(tag), props);
  node.append(...children.filter((child) => child !== null));
  return node;
}

function icon(name) { return make("i", { className: `ti ${name}`, ariaHidden: "true" }); }

function tell() {
  hidden.value = JSON.stringify(readGroup(builder.firstElementChild));
  window.htmx.trigger("#preview", "rule-changed");
}

/* --- from JSON to elements ---------------------------------------------------------------------------------------- */
function unwrap(raw) {
  if (raw.not) {
    const inner = raw.not.any ?? (raw.not.all?.length === 1 ? raw.not.all : [raw.not]);
    return ["not", inner];
  }
  return raw.any ? ["any", raw.any] : ["all", raw.all ?? []];
}

function drawNode(raw) {
  return raw.all || raw.any || raw.not ? drawGroup(raw, false) : drawCondition(raw);
}

function drawGroup(raw, isRoot) {
  const [mode, parts] = unwrap(raw);
  const select = make("select", { className: "form-select form-select-sm seg-mode", ariaLabel: said.group });
  for (const [word, label] of [["all", said.all], ["any", said.any], ["not", said.not]]) {
    if (!(isRoot && word === "not")) select.append(new Option(label, word, false, word === mode));
  }
  const list = make("div", { className: "seg-parts" }, ...parts.map(drawNode));
  const add = (label, raw) => {
    const button = make("button", { type: "button", className: "btn btn-sm" }, icon("ti-plus"), ` ${label}`);
    button.addEventListener("click", () => {
      list.append(drawNode(raw));
      list.lastElementChild.querySelector("select, input")?.focus();
      tell();
    });
    return button;
  };
  const head = make("div", { className: "seg-head" }, select, make("span", { className: "text-secondary small" }, said.hold));
  if (!isRoot) head.append(removeButton());
  const foot = make("div", { className: "btn-list" }, add(said.condition, {}), add(said.group, { all: [{}] }));
  const group = make("div", { className: "seg-group" }, head, list, foot);
  group.dataset.group = "";
  return group;
}

function removeButton() {
  const button = make("button", { type: "button", className: "btn btn-sm btn-icon btn-ghost-secondary seg-remove", ariaLabel: said.remove }, icon("ti-x"));
  button.addEventListener("click", () => { button.closest("[data-condition], [data-group]").remove(); tell(); });
  return button;
}

function drawCondition(raw) {
  const select = make("select", { className: "form-select form-select-sm seg-kind", ariaLabel: said.choose });
  select.append(new Option(said.choose, "", false, !raw.on));
  for (const name of new Set(kinds.map((kind) => kind.group))) {
    const options = kinds.filter((kind) => kind.group === name).map((kind) => new Option(kind.label, kind.on, false, kind.on === raw.on));
    select.append(make("optgroup", { label: name }, ...options));
  }
  const fields = make("div", { className: "seg-fields" });
  const node = make("div", { className: "seg-condition" }, make("div", { className: "seg-head" }, select, removeButton()), fields);
  node.dataset.condition = "";
  const fill = (values) => {
    const all = kindOf[select.value]?.fields ?? [];
    const isExtra = (field) => field.optional && field.label !== "" && field.widget !== "number";
    const extra = all.filter(isExtra);
    fields.replaceChildren(...all.filter((field) => !isExtra(field)).map((field) => drawField(field, values)));
    if (extra.length) {
      const more = make("details", { className: "seg-more", open: extra.some((field) => values[field.name]?.length) });
      more.append(make("summary", {}, said.more), ...extra.map((field) => drawField(field, values)));
      fields.append(more);
    }
  };
  select.addEventListener("change", () => { fill({}); tell(); });
  fill(raw);
  return node;
}

function drawField(field, values) {
  const control = WIDGETS[field.widget](field, values[field.name], !values.on);
  control.dataset.field = field.name;
  control.dataset.widget = field.widget;
  const parts = [field.label ? make("span", { className: "text-secondary small" }, field.label) : null, control];
  if (field.unit) parts.push(make("span", { className: "text-secondary small" }, field.unit));
  return make("label", { className: "seg-field" }, ...parts);
}

const WIDGETS = {
  choice: (field, value) => make("select", { className: "form-select form-select-sm" },
    ...field.options.map(([word, label]) => new Option(label, word, false, word === value)),
    value && !field.options.some(([word]) => word === value) ? new Option(value, value, true, true) : null),
  choices: (field, value) => {
    const box = make("span", { className: "seg-chips", role: "group" });
    const chosen = new Set(value ?? []);
    for (const [word, label] of field.options) {
      const chip = make("button", { type: "button", className: "seg-chip", ariaPressed: String(chosen.has(word)) }, label);
      chip.dataset.word = word;
      chip.addEventListener("click", (event) => {
        event.preventDefault();
        chip.ariaPressed = String(chip.ariaPressed !== "true");
        fold();
        tell();
      });
      box.append(chip);
    }
    const fold = () => box.classList.toggle("is-folded", field.options.length > 8 && !box.matches(":focus-within") && box.querySelector("[aria-pressed=true]") !== null);
    box.addEventListener("focusin", fold);
    box.addEventListener("focusout", () => setTimeout(fold, 150));
    fold();
    return box;
  },
  words: (field, value) => {
    const list = make("datalist", { id: `words-${Math.random().toString(36).slice(2)}` }, ...field.suggestions.map((word) => new Option(word, word)));
    const input = make("input", { className: "form-control form-control-sm", maxLength: 600, value: (value ?? []).join("、"), placeholder: "…、…" });
    input.setAttribute("list", list.id);
    const box = make("span", { className: "seg-words-input" }, input, list);
    return box;
  },
  number: (field, value, isNew) => make("input", {
    type: "number", className: "form-control form-control-sm seg-number", min: field.least, max: field.most,
    step: field.whole ? "1" : "any", value: value ?? (isNew && !(field.optional && field.name !== "value") ? field.default : ""),
  }),
  text: (field, value) => make("input", { className: "form-control form-control-sm", maxLength: 128, value: value ?? "" }),
};

/* --- from elements to JSON ---------------------------------------------------------------------------------------- */
const READERS = {
  choice: (node) => node.value,
  choices: (node) => [...node.querySelectorAll("[aria-pressed=true]")].map((chip) => chip.dataset.word),
  words: (node) => node.querySelector("input").value.split(/[,，、;；\n]/).map((word) => word.trim()).filter(Boolean),
  number: (node) => (node.value === "" ? null : Number(node.value)),
  text: (node) => node.value.trim(),
};

function readGroup(group) {
  const mode = group.querySelector(":scope > .seg-head > .seg-mode").value;
  const parts = [...group.querySelector(":scope > .seg-parts").children].map(readNode).filter((part) => part !== null);
  return mode === "not" ? { not: { any: parts } } : { [mode]: parts };
}

function readNode(node) { return "group" in node.dataset ? readGroup(node) : readCondition(node); }

function readCondition(node) {
  const on = node.querySelector(".seg-kind").value;
  if (!on) return null;
  const values = { on };
  for (const control of node.querySelectorAll("[data-field]")) {
    const value = READERS[control.dataset.widget](control);
    if (value !== null && value !== "" && value.length !== 0) values[control.dataset.field] = value;
  }
  return values;
}

/* --- start -------------------------------------------------------------------------------------------------------- */
const builder = document.getElementById("builder");
const before = JSON.parse(hidden.value || "{}");
const hasRule = Boolean(before.all || before.any || before.not);
builder.append(drawGroup(before.not ? { all: [before] } : hasRule ? before : { all: [{}] }, true));
builder.addEventListener("input", tell);
hidden.value = JSON.stringify(readGroup(builder.firstElementChild));
if (hasRule) window.addEventListener("load", tell);
