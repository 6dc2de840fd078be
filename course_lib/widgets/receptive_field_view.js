// The controls of the receptive-field painter. Behind receptive_field_painter.js and receptive_field_pictures.js in one module.

const SVG = "http://www.w3.org/2000/svg";

function vector(name, label) {
  const node = document.createElementNS(SVG, "svg");
  node.setAttribute("class", name);
  if (label) node.setAttribute("aria-hidden", "true");
  return node;
}

/** One number of one layer as a small slider; .show(value) moves it. */
function layerSlider(name, index, change) {
  const [min, max] = LIMITS[name];
  const input = h("input", { type: "range", min, max, step: 1, "data-trait": `${name} ${index + 1}`, "aria-label": `${name} of layer ${index + 1}` });
  const value = h("output", { "aria-hidden": true });
  input.addEventListener("input", () => change(Number(input.value)));
  const node = h("label", { class: "cw-slider" }, input, value);
  node.show = (number) => ((input.value = number), (value.textContent = number));
  return node;
}

/** The table of layers, the last one on top as in the picture. rows[0] is the input. */
function layerTable(handlers) {
  const numbers = () => ["map", "jump", "field", "start"].map((name) => h("td", { "data-number": name }));
  const layerRow = (index) => {
    const sliders = Object.keys(LIMITS).map((name, place) => layerSlider(name, index, (value) => handlers.set(index, place, value)));
    const remove = h("button", { type: "button", class: "cw-button", "aria-label": `remove layer ${index + 1}`, onclick: () => handlers.remove(index) }, "×");
    const cells = numbers();
    const node = h("tr", {}, h("th", { scope: "row" }, `layer ${index + 1}`), ...sliders.map((s) => h("td", {}, s)), ...cells, h("td", {}, remove));
    return { node, sliders, cells, remove };
  };
  const cells = numbers();
  const input = h("tr", {}, h("th", { scope: "row" }, "input"), h("td", { colspan: 3 }), ...cells, h("td"));
  const rows = [{ node: input, cells, sliders: [] }, ...range(MOST_LAYERS).map(layerRow)];
  const head = ["", "kernel", "stride", "rate", "map", "jump", "field", "start", ""].map((name) => h("th", { scope: "col" }, name));
  const body = h("tbody", {}, ...rows.map(({ node }) => node).reverse());
  const node = h("div", { class: "cw-scroll" }, h("table", { class: "cw-layers" }, h("thead", {}, h("tr", {}, ...head)), body));
  return { node, rows };
}

export function render({ model, el }) {
  const root = card(el, "Receptive-field painter");
  root.classList.add("cw-painter");
  const size = slider(model, "size", "input size", 5, 129);
  const padding = options(model, "padding", "padding", [["same", "same"], ["none", "none"]]);
  const view = options(model, "view", "color by", [["paths", "paths"], ["touched", "touched or not"]]);
  const add = button("Add layer", () => change([...now.P.layers, [3, 1, 1]], null));
  const undo = button("Undo", () => change(model.get("previous"), null, []));
  const table = layerTable({
    set: (index, place, value) => change(now.P.layers.map((layer, i) => (i === index ? layer.with(place, value) : layer)), `${index} ${place}`),
    remove: (index) => {
      change(now.P.layers.filter((_, i) => i !== index), null);
      queueMicrotask(() => add.focus()); // after the drawing, which may enable it
    },
  });
  const words = { reach: h("p"), holes: h("p"), weight: h("p") };
  const message = h("p", { class: "cw-message", role: "alert" });
  const captions = [h("figcaption"), h("figcaption")];
  const stack = vector("cw-rf-stack", true);
  stack.setAttribute("preserveAspectRatio", "none");
  const picker = h("div", { class: "cw-rf-picker", role: "slider", tabindex: 0, "aria-label": "output cell", "aria-valuemin": 0 }, stack);
  const labels = h("div", { class: "cw-rf-labels", "aria-hidden": true });
  const canvas = h("canvas", { "aria-hidden": true });
  const over = vector("cw-rf-over", true);
  const plane = h("div", { class: "cw-rf-plane", role: "img" }, canvas, over);
  const hatch = fresh();
  const hint = h("span", { class: "cw-hint" });
  root.append(
    h("div", { class: "cw-rf-parts" },
      h("div", { class: "cw-rf-left" },
        h("div", { class: "cw-bar" }, size, padding), table.node,
        h("span", { class: "cw-hint" }, "map: cells along a side; jump: input cells between two neighbors; field: input cells seen along a side; start: the first that cell 0 sees."),
        h("div", { class: "cw-bar" }, add, undo),
        h("div", { class: "cw-verdict", "aria-live": "polite" }, ...Object.values(words)), message),
      h("figure", { class: "cw-figure" }, captions[0], plane, h("div", { class: "cw-bar" }, view)),
      h("figure", { class: "cw-figure cw-rf-wide" }, captions[1], h("div", { class: "cw-rf-rows" }, labels, picker), hint)),
  );
  let now = {}; // what is on the screen: P, cells of the output, chosen, picture
  let gesture = { control: null, base: null, known: null }; // further moves of one control compare with what was before the first

  /** New layers. The reach before is kept for comparison; a chosen cell stays where it was over the input. */
  function change(layers, control, previous) {
    const { P, chosen, picture } = now;
    const goesOn = control !== null && control === gesture.control && gesture.known === JSON.stringify(P.layers);
    gesture = { control, base: goesOn ? gesture.base : P.layers, known: JSON.stringify(layers) };
    if (!previous) previous = JSON.stringify(gesture.base) === gesture.known ? [] : gesture.base;
    let cell = null;
    if (model.get("cell") !== null && chosen !== null) {
      const { jump, start, size: wide } = fields({ ...P, layers }).at(-1);
      cell = Math.max(0, Math.round((picture.center(chosen) - picture.margin - start - wide / 2) / jump));
    }
    update(model, { layers, previous, cell });
  }

  function choose(cell) {
    if (now.chosen === null) return;
    update(model, { cell: Math.min(Math.max(cell, 0), now.cells - 1) });
  }

  function pointed(event) {
    if (now.chosen === null || !(event.buttons & 1)) return;
    const box = picker.getBoundingClientRect();
    const at = ((event.clientX - box.left) / box.width) * now.picture.width;
    choose(Math.round((at - now.picture.center(0)) / fields(now.P).at(-1).jump));
  }
  picker.addEventListener("pointerdown", (event) => (picker.setPointerCapture(event.pointerId), pointed(event)));
  picker.addEventListener("pointermove", pointed);
  picker.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10, Home: -999, End: 999 };
    if (!steps[event.key]) return;
    event.preventDefault();
    choose(now.chosen + steps[event.key]);
  });

  function paint(line) {
    const n = line.length;
    const most = Math.max(...line, 1) ** 2;
    const even = model.get("view") === "touched";
    Object.assign(canvas, { width: n, height: n });
    const image = new ImageData(n, n);
    line.forEach((a, r) => line.forEach((b, c) => {
      if (a * b) image.data.set([0, 114, 178, 255 * (even ? 0.75 : 0.2 + (0.8 * a * b) / most)], 4 * (r * n + c));
    }));
    canvas.getContext("2d").putImageData(image, 0, 0);
  }

  function draw() {
    const P = { layers: model.get("layers"), size: model.get("size"), padding: model.get("padding") };
    const [previous, bad, sizes, all] = [model.get("previous"), problem(P), mapSizes(P), fields(P)];
    const cells = bad ? 0 : sizes.at(-1);
    const chosen = bad ? null : shownCell(model.get("cell"), cells);
    const counts = bad ? null : paths(P, chosen);
    [size, padding, view].forEach((control) => control.refresh());
    add.disabled = P.layers.length >= MOST_LAYERS;
    undo.disabled = !previous.length;
    table.rows.forEach(({ node, cells: boxes, sliders, remove }, level) => {
      node.hidden = level > P.layers.length;
      if (node.hidden) return;
      sliders.forEach((control, place) => control.show(P.layers[level - 1][place]));
      const { size: field, jump, start } = all[level];
      [sizes[level] ?? "–", jump, field, format(start)].forEach((value, place) => (boxes[place].textContent = value));
      if (remove) remove.disabled = P.layers.length === 1;
    });
    const found = verdict(P, previous);
    Object.keys(words).forEach((key) => (words[key].textContent = found[key]));
    words.holes.className = found.whole ? "cw-even" : "cw-uneven";
    message.textContent = bad;
    message.hidden = !bad;
    root.dataset.output = bad ? "invalid" : cells;

    const picture = stackPicture(P, sizes, chosen, counts, previous);
    now = { P, cells, chosen, picture };
    captions[1].textContent = bad ? "No output." : where(P, chosen);
    hint.textContent = `Choose an output cell with a click or the arrow keys. Bars: paths, the ways from it down to each input cell.${picture.padded ? " Dashed: padding, it leads nowhere." : ""}`;
    hint.hidden = Boolean(bad);
    stack.setAttribute("viewBox", `0 0 ${picture.width} ${picture.height}`);
    stack.style.height = `${picture.height}px`;
    stack.innerHTML = picture.content;
    labels.replaceChildren(...picture.labels.map(([y, text]) => h("span", { style: `top:${y}px` }, text)));
    picker.setAttribute("aria-disabled", Boolean(bad));
    picker.setAttribute("aria-valuemax", Math.max(0, cells - 1));
    picker.setAttribute("aria-valuenow", chosen ?? 0);
    picker.setAttribute("aria-valuetext", bad || where(P, chosen));

    const line = counts ? counts[0] : new Array(P.size).fill(0);
    const { size: wide, jump, start } = all.at(-1);
    paint(line);
    captions[0].textContent = `input ${P.size}×${P.size}${bad ? "" : `, field of cell (${chosen}, ${chosen})`}`;
    plane.setAttribute("aria-label", bad || `${found.reach} ${found.holes} ${found.weight}`);
    plane.style.width = `${Math.floor(300 / P.size) * P.size}px`;
    over.setAttribute("viewBox", `0 0 ${P.size} ${P.size}`);
    const before = reachBefore(P, previous);
    over.innerHTML = bad ? "" : overlay(P, start + chosen * jump, wide, line, before, hatch);
  }

  return drawOnChange(model, ["layers", "size", "padding", "cell", "view", "previous"], draw);
}

export default { render };
