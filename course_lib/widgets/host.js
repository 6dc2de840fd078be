// What all course widgets share. Python puts this file in front of each widget's own file, so one ES module results.
// It runs in three hosts: a notebook (anywidget calls render), a page without a kernel (mountAll), a test (imports the exports).

/** An element: h("button", { class: "cw-button", onclick: run }, "Run"). Text children are never parsed as HTML. */
function h(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (value !== false && value != null) node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children);
  return node;
}

const fresh = () => "cw" + Math.random().toString(36).slice(2); // an id no other widget on the page has

/** A number as the course prints it: whole numbers as they are, others with two decimals, a true minus sign. */
export function format(value, digits = 2) {
  const rounded = Math.abs(value - Math.round(value)) < 1e-9 ? String(Math.round(value)) : value.toFixed(digits);
  return (Number(rounded) === 0 ? rounded.replace("-", "") : rounded).replace("-", "−");
}

/** The card a widget lives in. Keys pressed inside stay inside: JupyterLab would move its cell selection. */
function card(el, title) {
  const root = h("div", { class: "cw-root", role: "group", "aria-label": title });
  root.addEventListener("keydown", (event) => event.stopPropagation());
  el.append(root);
  return root;
}

/** Draw now, and once more after any of the named traits has changed. Returns what undoes it. */
function drawOnChange(model, names, draw) {
  let waiting = false;
  const changed = () => {
    if (waiting) return;
    waiting = true;
    queueMicrotask(() => ((waiting = false), draw())); // several changes of one event make one drawing
  };
  names.forEach((name) => model.on(`change:${name}`, changed));
  draw();
  return () => names.forEach((name) => model.off(`change:${name}`, changed));
}

function update(model, changes) {
  for (const [name, value] of Object.entries(changes)) model.set(name, value);
  model.save_changes();
}

/** A labelled slider bound to a number; .refresh() shows the model's value, in the words of `say` if they are given. */
function slider(model, name, label, min, max, step = 1, say = null) {
  const range = h("input", { type: "range", min, max, step, "data-trait": name, "aria-label": label });
  const value = h("output", { "aria-hidden": true });
  range.addEventListener("input", () => update(model, { [name]: Number(range.value) }));
  const node = h("label", { class: "cw-slider" }, h("span", {}, label), range, value);
  node.refresh = () => {
    range.value = model.get(name);
    value.textContent = say ? say(model.get(name)) : model.get(name);
    if (say) range.setAttribute("aria-valuetext", value.textContent);
  };
  return node;
}

/** Radio buttons bound to a trait; options are [value, label] pairs. */
function options(model, name, legend, pairs) {
  const group = fresh();
  const radios = pairs.map(([value]) => h("input", { type: "radio", name: group, value, "data-trait": name }));
  radios.forEach((radio) => radio.addEventListener("change", () => update(model, { [name]: radio.value })));
  const labels = pairs.map(([, label], index) => h("label", {}, radios[index], label));
  const node = h("fieldset", { class: "cw-options" }, h("legend", {}, legend), ...labels);
  node.refresh = () => radios.forEach((radio) => (radio.checked = radio.value === model.get(name)));
  return node;
}

function button(label, action) {
  return h("button", { type: "button", class: "cw-button", onclick: action }, label);
}

/** Bring every not yet mounted element of this widget to life on a page without a kernel. */
function mountAll(name, render) {
  for (const el of document.querySelectorAll(`[data-course-widget="${name}"]:not([data-mounted])`)) {
    const state = JSON.parse(el.dataset.state);
    const listeners = {};
    const model = {
      get: (key) => state[key],
      set(key, value) {
        if (JSON.stringify(state[key]) === JSON.stringify(value)) return;
        state[key] = value;
        (listeners[`change:${key}`] ?? []).forEach((call) => call());
      },
      on: (event, call) => (listeners[event] ??= []).push(call),
      off: (event, call) => (listeners[event] = (listeners[event] ?? []).filter((other) => other !== call)),
      save_changes() {},
    };
    el.replaceChildren(); // the static picture makes room
    render({ model, el });
    el.dataset.mounted = "";
  }
}

const ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

/**
 * A grid of numbers with a caption. refresh({ caption, hint, rows, cols, cell }) draws it, where cell(row, col) gives
 * { text, kind: "class names", tag: letter in the corner, selected, tint: 0..100 }. Cells are reused while the shape stays.
 * With `handlers` the cells can be chosen: pick(row, col) on click, move(dRow, dCol) on arrow keys, hover(row, col | null).
 */
function numberGrid(handlers) {
  const id = fresh();
  const caption = h("figcaption", { id });
  const hint = h("span", { class: "cw-hint" });
  const body = h("div", { class: "cw-grid", role: handlers ? "grid" : "table", "aria-labelledby": id });
  const node = h("figure", { class: "cw-figure" }, caption, h("div", { class: "cw-scroll" }, body), hint);
  const place = (event) => event.target.closest(".cw-cell:not(.cw-cut)")?.dataset.at.split(",").map(Number);
  if (handlers) {
    body.addEventListener("click", (event) => place(event) && handlers.pick(...place(event)));
    body.addEventListener("mouseover", (event) => handlers.hover(place(event) ?? null));
    body.addEventListener("mouseleave", () => handlers.hover(null));
    body.addEventListener("keydown", (event) => {
      if (!ARROWS[event.key]) return;
      event.preventDefault();
      handlers.move(...ARROWS[event.key]);
    });
  }
  const choosable = handlers ? { tabindex: -1, "aria-selected": "false" } : {};
  const blank = h("div", { role: handlers ? "gridcell" : "cell", "data-tag": "", ...choosable });
  let cells = []; // one element each, and what it shows at present
  let shape = "";
  const put = (cell, key, value, write) => cell[key] === value || ((cell[key] = value), write(cell.box, value));
  node.refresh = ({ caption: text, hint: advice = "", rows, cols, cell }) => {
    caption.textContent = text;
    hint.textContent = advice;
    if (shape !== `${rows},${cols}`) {
      shape = `${rows},${cols}`;
      body.style.setProperty("--cols", cols);
      body.classList.toggle("cw-dense", cols > 12);
      cells = Array.from({ length: rows * cols }, () => ({ box: blank.cloneNode(), tag: "", selected: false }));
      const row = (r) => h("div", { role: "row", class: "cw-row" }, ...cells.slice(r * cols, (r + 1) * cols).map(({ box }) => box));
      body.replaceChildren(...Array.from({ length: rows }, (_, r) => row(r)));
    }
    const focused = body.matches(":focus-within");
    cells.forEach((drawn, index) => {
      const { at, text: shown, kind = "", tag = "", selected = false, tint } = cell(Math.floor(index / cols), index % cols);
      put(drawn, "text", shown, (box, value) => (box.textContent = value));
      put(drawn, "name", `cw-cell ${kind}${selected ? " cw-selected" : ""}`, (box, value) => (box.className = value));
      put(drawn, "tag", tag, (box, value) => (box.dataset.tag = value));
      put(drawn, "tint", tint, (box, value) => box.style.setProperty("--tint", `${value}%`));
      if (!handlers) return;
      put(drawn, "at", String(at), (box, value) => (box.dataset.at = value));
      put(drawn, "selected", selected, (box, value) => {
        box.tabIndex = value ? 0 : -1; // Tab reaches the chosen cell, arrow keys go on from there
        box.setAttribute("aria-selected", value);
      });
      if (selected && focused) drawn.box.focus({ preventScroll: true });
    });
  };
  return node;
}
