// Which stroke raises one metric and lowers another? A prediction to paint over a truth. The arithmetic is in mask_metrics.js.

const STEPS = 20; // that can be undone
const KINDS = ["", "tp", "fp", "fn"];
const COLORS = [[0, 0, 0, 0], [0, 158, 115], [230, 159, 0], [0, 114, 178]]; // Okabe-Ito, by sort
const LEGENDS = {
  pixels: () => ["TP: in both", "FP: only predicted", "FN: only true"],
  boundaries: (S) => ["boundary, matched", `predicted, no true one within ${S.tolerance} px`, `true, no predicted one within ${S.tolerance} px`],
  bands: () => ["in both bands", "in the predicted band", "in the true band"],
};
const KIND_WORDS = ["TN, background in both", "TP, in both", "FP, only predicted", "FN, only true"];

/** Path of the pixels for which `test` holds, in runs along the rows. */
function runs(test, [height, width]) {
  const parts = [];
  for (let r = 0; r < height; r++)
    for (let c = 0; c < width; c++) {
      const first = c;
      while (c < width && test(r * width + c)) c++;
      if (c > first) parts.push(`M${first} ${r}h${c - first}v1h${first - c}z`);
    }
  return parts.join("");
}

/** The patterns of too much (lines) and missed (dots); `unit` is the length of a repeat. */
function patterns(ids, unit) {
  const u = (share) => (share * unit).toFixed(3);
  const tile = (id, content) => `<pattern id="${id}" width="${u(1)}" height="${u(1)}" patternUnits="userSpaceOnUse">${content}</pattern>`;
  const stripes = `<path class="cw-mp-stripe" style="stroke-width:${u(0.16)}" d="M0 ${u(1)}L${u(1)} 0M${u(-0.5)} ${u(0.5)}L${u(0.5)} ${u(-0.5)}M${u(0.5)} ${u(1.5)}L${u(1.5)} ${u(0.5)}"/>`;
  return `<defs>${tile(ids[0], stripes)}${tile(ids[1], `<circle class="cw-mp-dot" cx="${u(0.5)}" cy="${u(0.5)}" r="${u(0.22)}"/>`)}</defs>`;
}

/** A row of the table: name, bar with a tick where it was before, value, change. */
function metricRow(label) {
  const [bar, tick] = [h("i"), h("b")];
  const [value, change] = [h("td", { class: "cw-mp-value" }), h("td", { class: "cw-mp-change" })];
  const node = h("tr", {}, h("th", { scope: "row" }, label), h("td", {}, h("div", { class: "cw-mp-bar", "aria-hidden": true }, bar, tick)), value, change);
  const refresh = (now, before, sign) => {
    bar.style.width = `${100 * now}%`;
    tick.hidden = before === null;
    tick.style.left = `${100 * (before ?? 0)}%`;
    value.textContent = format(now, 3);
    change.textContent = before === null ? "" : sign ? `${sign > 0 ? "▲ +" : "▼ −"}${Math.abs(now - before).toFixed(3)}` : "same";
    change.className = `cw-mp-change ${["cw-mp-down", "", "cw-mp-up"][sign + 1]}`;
  };
  return { node, refresh };
}

export function render({ model, el }) {
  const root = card(el, "Mask playground");
  root.classList.add("cw-mask");
  const shape = model.get("size");
  const [height, width] = shape;
  const area = height * width;
  const view = options(model, "view", "show", [["pixels", "pixels"], ["boundaries", "boundaries"], ["bands", "bands"]]);
  const px = (value) => `${value} px`;
  const sliders = [["brush", "brush", 1, 9], ["tolerance", "tolerance of F1", 0, 8], ["band", "boundary band", 1, 8]].map((spec) => slider(model, ...spec, 1, px));
  const picture = pixelPicture(shape, ["hatch", "truth", "guess", "cursor"], {
    tabindex: 0, role: "application",
    "aria-label": `Prediction over a truth, ${height} rows and ${width} columns. Arrow keys move the brush by one pixel, with Shift by four; Space paints or erases.`,
  });
  const ids = [fresh(), fresh()];
  const swatches = KINDS.slice(1).map((kind) => h("i", { class: `cw-mp-swatch cw-mp-${kind}` }));
  const legend = swatches.map((swatch) => ({ swatch, words: h("span") }));
  const rows = Object.values(METRICS).map(metricRow);
  const here = h("p", { class: "cw-hint", "aria-live": "polite" });
  const words = [h("p"), h("p")];
  const acts = (label, ...buttons) => h("div", { class: "cw-bar", role: "group", "aria-label": label }, h("span", { class: "cw-progress" }, label), h("span", { class: "cw-buttons" }, ...buttons));
  const named = (label, text, action) => {
    const node = button(text, action);
    node.setAttribute("aria-label", label);
    return node;
  };
  const moves = [["left", "←", [0, -1]], ["up", "↑", [-1, 0]], ["down", "↓", [1, 0]], ["right", "→", [0, 1]]];
  const undo = button("undo", () => {
    const history = model.get("history");
    if (!history.length) return;
    const [target, prediction] = history.at(-1);
    update(model, { target, prediction, history: history.slice(0, -1) });
  });
  root.append(
    h("div", { class: "cw-bar cw-first" }, view),
    h("div", { class: "cw-figures cw-top" },
      h("div", { class: "cw-mp-left" }, picture.node,
        h("p", { class: "cw-mp-legend" }, ...legend.map(({ swatch, words: text }) => h("span", {}, swatch, text)),
          h("span", {}, h("i", { class: "cw-mp-stroke" }), "truth"), h("span", {}, h("i", { class: "cw-mp-stroke cw-mp-broken" }), "prediction")), here,
        h("p", { class: "cw-hint" }, "Press and drag to paint; a stroke that starts inside the prediction erases. Or focus the picture: arrow keys move the brush (Shift: 4 px), Space paints or erases.")),
      h("div", { class: "cw-mp-right" },
        h("table", { class: "cw-mp-table" }, h("tbody", {}, ...rows.map(({ node }) => node))),
        h("div", { class: "cw-verdict", "aria-live": "polite" }, ...words),
        acts("shift the prediction", ...moves.map(([name, arrow, by]) => named(`shift 1 px ${name}`, arrow, () => step(shift(mask, by, shape))))),
        acts("change it", button("dilate", () => step(dilate(mask, shape))), button("erode", () => step(erode(mask, shape))),
          button("clear", () => step(new Uint8Array(mask.length))), button("copy the truth", () => step(S.truth)), undo),
        acts("another truth", ...Object.entries(PRESETS).map(([name, label]) => button(label, () => another(preset(name, shape))))),
        h("div", { class: "cw-mp-sliders" }, ...sliders))),
  );
  let [S, mask] = [null, null]; // the truth with its settings, the prediction
  let measured = new Map(); // metrics of the last two predictions, by their packed form
  let [settled, compared] = ["", ""]; // what S was made from, what is on the screen
  let stroke = null; // { value, at } while the pointer is down

  /** Keep what is shown as the step before. */
  const remember = () => model.set("history", [...model.get("history"), [model.get("target"), model.get("prediction")]].slice(-STEPS));
  const step = (next) => (remember(), update(model, { prediction: pack(next) }));
  const another = (truth) => (remember(), update(model, { target: pack(truth), prediction: pack(shift(truth, [0, 1], shape)) }));

  /** Move the brush; with a stroke, paint on the way. The kernel hears of it when the stroke ends. */
  function go([row, column]) {
    if (stroke) {
      const [from, next] = [stroke.at, mask.slice()];
      const length = Math.max(Math.abs(row - from[0]), Math.abs(column - from[1]), 1);
      for (let k = 0; k <= length; k++) stamp(next, [0, 1].map((axis) => Math.round(from[axis] + (k / length) * ([row, column][axis] - from[axis]))), model.get("brush"), stroke.value, shape);
      stroke.at = [row, column];
      mask = next;
      model.set("prediction", pack(next));
    }
    model.set("cursor", [row, column]);
  }
  function begin(place) {
    remember();
    stroke = { value: mask[place[0] * width + place[1]] ? 0 : 1, at: place };
    go(place);
  }
  function end() {
    if (!stroke) return;
    stroke = null;
    model.save_changes();
  }
  picture.node.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    picture.node.setPointerCapture(event.pointerId);
    begin(picture.place(event));
  });
  picture.node.addEventListener("pointermove", (event) => (here.setAttribute("aria-live", "off"), go(picture.place(event))));
  picture.node.addEventListener("pointerup", end);
  picture.node.addEventListener("pointercancel", end);
  picture.node.addEventListener("keydown", (event) => {
    const [row, column] = model.get("cursor");
    here.setAttribute("aria-live", "polite");
    if (event.key === " ") {
      begin([row, column]);
      end();
    } else if (ARROWS[event.key]) {
      const by = ARROWS[event.key].map((along) => along * (event.shiftKey ? 4 : 1));
      const inside = (at, last) => Math.min(Math.max(at, 0), last - 1);
      go([inside(row + by[0], height), inside(column + by[1], width)]);
      model.save_changes();
    } else return;
    event.preventDefault();
  });

  /** All that the cursor does not change. */
  function compare(prediction, name, last) {
    mask = Uint8Array.from(unpack(prediction, area));
    const sorted = sorts(S, mask, name);
    picture.paint((i) => COLORS[sorted[i]]);
    const filled = (sort, id) => `<path class="cw-mp-fill" style="fill:url(#${id})" d="${runs((i) => sorted[i] === sort, shape)}"/>`;
    picture.put("hatch", patterns(ids, Math.max(0.5, Math.max(height, width) / 64)) + filled(2, ids[0]) + filled(3, ids[1]));
    const outline = (values) => borders((i, j) => values[i] !== (values[j] ?? 0), shape, true);
    picture.put("truth", line(outline(S.truth)));
    picture.put("guess", line(outline(mask), "cw-dashed"));
    const each = counts(sorted);
    LEGENDS[name](S).forEach((text, k) => (legend[k].words.textContent = `${text}: ${each[k]}`));
    const now = measure(S, mask);
    const before = last ? (measured.get(last) ?? measure(S, Uint8Array.from(unpack(last, area)))) : null;
    measured = new Map([[prediction, now], [last, before]]); // while a stroke goes on, only one of them is new
    const moved = before ? changes(now, before) : [];
    Object.keys(METRICS).forEach((metric, k) => rows[k].refresh(now[metric], before && before[metric], moved[k] ?? 0));
    const [did, empty, disagree] = verdict(S, now, before);
    words.forEach((node, k) => (node.textContent = [did, empty][k]));
    words[0].className = disagree ? "cw-uneven" : "";
    root.dataset.disagree = disagree;
  }

  function draw() {
    const [target, prediction, history, name, side] = ["target", "prediction", "history", "view", "brush"].map((trait) => model.get(trait));
    [view, ...sliders].forEach((control) => control.refresh());
    undo.disabled = !history.length;
    const setting = [target, model.get("tolerance"), model.get("band")];
    if (setting.join() !== settled) {
      S = settle(Uint8Array.from(unpack(target, area)), shape, setting[1], setting[2]);
      measured = new Map();
    }
    settled = setting.join();
    const last = history.at(-1)?.[0] === target ? history.at(-1)[1] : null; // the step before, if the truth is still the same
    const shown = [settled, prediction, name, last].join();
    if (shown !== compared) compare(prediction, name, last);
    compared = shown;
    const [row, column] = model.get("cursor");
    const first = (at) => at - Math.floor((side - 1) / 2);
    picture.put("cursor", line(`M${first(column)} ${first(row)}h${side}v${side}h-${side}z`));
    const [guessed, wanted] = [mask, S.truth].map((values) => values[row * width + column]);
    here.textContent = `Row ${row}, column ${column}: ${KIND_WORDS[guessed ? (wanted ? 1 : 2) : wanted ? 3 : 0]}.`;
  }

  return drawOnChange(model, ["target", "prediction", "view", "cursor", "brush", "tolerance", "band", "history"], draw);
}

export default { render };
