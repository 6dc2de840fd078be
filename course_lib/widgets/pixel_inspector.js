// The pixel inspector: draws one layer of a scene and says what is known about the pixel under the cursor. Words: pixel_facts.js.

const SHADES = [0, 0.45, -0.4, 0.22, -0.2]; // of a class color, over its instances: share of white (> 0) or black (< 0)
const ROWS = { semantic: "class", instances: "instance", panoptic: "panoptic id", components: "component" }; // the fact a layer draws
const NOTES = {
  image: "The picture: three numbers for each pixel, and no names.",
  semantic: "One class for each pixel. Objects of one class share a color; nothing counts them.",
  instances: "One mask for each object of a thing class. Stuff (gray) has none, and masks may overlap.",
  panoptic: "One class and one instance number for each pixel. The color is the class, the shade the instance; black is void.",
  components: "Touching pixels of one thing class (c1, c2, ...), numbered in reading order.",
};

/** The colors of a layer: i => [r, g, b]. */
function colors(S, layer, P) {
  const pixel = (i) => S.rgb.subarray(3 * i, 3 * i + 3);
  if (layer === "image") return pixel;
  if (layer === "instances" || layer === "components") {
    const label = layer === "instances" ? S.owner : P.label;
    const gray = (i) => Array(3).fill((pixel(i)[0] + pixel(i)[1] + pixel(i)[2]) / 6 + 110);
    return (i) => (label[i] ? PALETTE[(label[i] - 1) % PALETTE.length] : gray(i));
  }
  const hatched = (i) => ((i % S.shape[1]) + Math.floor(i / S.shape[1])) % 4 === 0;
  const shaded = (id, instance) => {
    if (id === VOID) return (i) => Array(3).fill(hatched(i) ? 96 : 0);
    const share = instance ? SHADES[(instance - 1) % SHADES.length] : 0;
    const color = S.colors[id].map((v) => v + Math.abs(share) * ((share > 0 ? 255 : 0) - v));
    return () => color;
  };
  const map = layer === "panoptic" ? S.panoptic : S.semantic.map((id) => 1000 * id);
  const table = new Map([...new Set(map)].map((id) => [id, shaded(Math.floor(id / 1000), id % 1000)]));
  return (i) => table.get(map[i])(i);
}

/** The numbers written into a layer: [row, column, text]. */
function numbers(S, layer, P) {
  if (layer === "image" || layer === "semantic") return [];
  const spots = [...centers(layer === "components" ? P.label : S.owner, S.shape)];
  return spots.map(([k, [r, c]]) => [r, c, layer === "components" ? `c${k}` : `#${S.objects[k - 1].number}`]);
}

export function render({ model, el }) {
  const root = card(el, "Pixel inspector");
  const S = scene((name) => model.get(name));
  const [height, width] = S.shape;
  const layer = options(model, "layer", "layer", layersOf(S).map((name) => [name, name === "components" ? "connected components" : name]));
  const asText = { get: (name) => String(model.get(name)), set: (name, value) => model.set(name, Number(value)), save_changes: () => model.save_changes() };
  const neighbors = options(asText, "connectivity", "neighbors", [["4", "4 (edges)"], ["8", "8 (and corners)"]]);
  const note = h("p", { class: "cw-hint" });
  const picture = pixelPicture(S.shape, ["borders", "lost", "segment", "cursor"], {
    tabindex: 0, role: "application",
    "aria-label": `Picture of ${height} rows and ${width} columns. Arrow keys move the cursor by one pixel, with Shift by eight.`,
  });
  const table = h("dl", { class: "cw-facts", "aria-live": "polite", "aria-atomic": "true" });
  const keys = h("p", { class: "cw-hint" }, "Point at a pixel, or use the arrow keys; Shift moves eight.");
  const verdict = h("div", { class: "cw-verdict", "aria-live": "polite" });
  root.append(
    h("div", { class: "cw-bar cw-first" }, layer, neighbors), note,
    h("div", { class: "cw-figures cw-top" }, picture.node, h("div", { class: "cw-beside" }, table, keys, verdict)),
  );

  const found = {}; // components and what they say, by connectivity
  let [P, Q, painted] = [null, null, ""]; // components, segments of the layer, what is on the canvas

  const move = (row, column, save) => {
    const inside = (v, size) => Math.min(Math.max(v, 0), size - 1);
    model.set("row", inside(row, height));
    model.set("column", inside(column, width));
    if (save) model.save_changes();
  };
  const point = (event, save) => {
    table.setAttribute("aria-live", "off"); // a moving pointer would talk without end
    move(...picture.place(event), save);
  };
  picture.node.addEventListener("pointermove", (event) => point(event, false)); // the kernel hears of it when the pointer rests
  picture.node.addEventListener("pointerdown", (event) => point(event, true));
  picture.node.addEventListener("pointerleave", () => model.save_changes());
  picture.node.addEventListener("keydown", (event) => {
    if (!ARROWS[event.key]) return;
    event.preventDefault();
    table.setAttribute("aria-live", "polite");
    const [down, right] = ARROWS[event.key].map((step) => step * (event.shiftKey ? 8 : 1));
    move(model.get("row") + down, model.get("column") + right, true);
  });

  function repaint(name, connectivity) {
    if (!found[connectivity]) {
      P = parts(S, connectivity);
      found[connectivity] = { P, words: P ? findings(S, P) : [] };
    }
    P = found[connectivity].P;
    Q = segments(S, name, P);
    picture.paint(colors(S, name, P));
    const parted = (i, j) => Q[i] !== Q[j];
    picture.put("borders", name === "image" ? "" : `<path d="${borders(parted, S.shape)}"/>`);
    const lost = (i, j) => P.label[i] && P.label[i] === P.label[j] && S.owner[i] !== S.owner[j];
    picture.put("lost", name === "components" && S.objects ? line(borders(lost, S.shape), "cw-dashed") : "");
    picture.tag(numbers(S, name, P));
    const dashed = name === "components" && S.objects ? " Found without the objects #1, #2, ...; dashed: borders between them that got lost." : "";
    note.textContent = NOTES[name] + dashed;
    neighbors.hidden = name !== "components";
    verdict.hidden = name !== "components";
    verdict.replaceChildren(...found[connectivity].words.map((words) => h("p", {}, words)));
    root.dataset.layer = name;
  }

  function draw() {
    const [name, connectivity, row, column] = ["layer", "connectivity", "row", "column"].map((trait) => model.get(trait));
    [layer, neighbors].forEach((control) => control.refresh());
    if (painted !== `${name} ${connectivity}`) repaint(name, connectivity);
    painted = `${name} ${connectivity}`;
    const at = row * width + column;
    const segment = Q[at];
    const edge = (i, j) => (Q[i] === segment) !== (Q[j] === segment);
    const [left, top, right, bottom] = (name === "instances" && segment && S.boxes?.[segment - 1]) || [];
    const box = right ? line(`M${left} ${top}H${right}V${bottom}H${left}z`, "cw-dashed") : "";
    picture.put("segment", segment ? box + line(borders(edge, S.shape, true)) : "");
    const [x, y] = [column + 0.5, row + 0.5];
    const ticks = `M${x} ${y - 4}v3M${x} ${y + 1}v3M${x - 4} ${y}h3M${x + 1} ${y}h3`;
    picture.put("cursor", line(`M${column - 0.5} ${row - 0.5}h2v2h-2z${ticks}`));
    const rows = facts(S, at, P).map(([key, text]) => {
      const swatch = { image: [...S.rgb.subarray(3 * at, 3 * at + 3)], class: S.colors[S.semantic?.[at]] }[key];
      const code = key === "COCO color" && [0, 8, 16].map((bits) => (S.panoptic[at] >> bits) & 255);
      const mark = swatch || code ? [h("i", { class: "cw-swatch", style: `background: rgb(${swatch ?? code})` })] : [];
      return h("div", { class: key === (ROWS[name] ?? name) ? "cw-current" : null }, h("dt", {}, key), h("dd", {}, ...mark, text));
    });
    table.replaceChildren(...rows);
  }

  return drawOnChange(model, ["layer", "connectivity", "row", "column"], draw);
}

export default { render };
