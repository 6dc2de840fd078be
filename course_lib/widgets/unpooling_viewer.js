// What do pooling's indices remember? P = { size: [H, W], values: whole numbers 0 ... 9 in reading order, seed }. 2×2 max pooling, and
// four ways back to the size of the input. The same arithmetic in Python: unpooling_viewer.py.

export const WAYS = { true: "true indices", random: "random indices", corner: "upper left corner", bilinear: "bilinear" };
const LETTERS = ["a", "b", "c", "d"]; // upper left, upper right, lower left, lower right
export const SAMPLES = ["edge", "line", "dots"];

/** Max pooling: for each window its maximum and where in the window it was first, 0 ... 3. */
export function pool({ size: [height, width], values }) {
  const found = [];
  for (let r = 0; r < height; r += 2)
    for (let c = 0; c < width; c += 2) {
      const window = [0, 1, width, width + 1].map((step) => values[r * width + c + step]);
      const value = Math.max(...window);
      found.push({ value, place: window.indexOf(value) });
    }
  return found;
}

/** A place 0 ... 3 for each of `count` windows, the same for the same seed (Park and Miller's generator). */
export function randomPlaces(count, seed) {
  let state = seed + 1;
  const draw = () => {
    state = (state * 16807) % 2147483647;
    return Math.floor((state * 4) / 2147483647);
  };
  return Array.from({ length: count + 2 }, draw).slice(2); // the first draws of small seeds are alike
}

/** Each pooled value at its place in its window, zeros around it. */
function scatter({ size: [height, width] }, pooled, places) {
  const map = Array(height * width).fill(0);
  const across = width / 2;
  pooled.forEach(({ value }, k) => (map[(2 * Math.floor(k / across) + (places[k] >> 1)) * width + 2 * (k % across) + (places[k] & 1)] = value));
  return map;
}

/** Bilinear interpolation to twice the size, pixel centers aligned (align_corners=False). */
function bilinear({ size: [height, width] }, pooled) {
  const [rows, columns] = [height / 2, width / 2];
  const along = (at, count) => {
    const source = Math.max((at + 0.5) / 2 - 0.5, 0);
    const low = Math.floor(source);
    return [low, Math.min(low + 1, count - 1), source - low];
  };
  return Array.from({ length: height * width }, (_, i) => {
    const [[top, bottom, down], [left, right, over]] = [along(Math.floor(i / width), rows), along(i % width, columns)];
    const mixed = (row) => (1 - over) * pooled[row * columns + left].value + over * pooled[row * columns + right].value;
    return (1 - down) * mixed(top) + down * mixed(bottom);
  });
}

/** The map of each way back. */
export function ways(P) {
  const pooled = pool(P);
  const places = { true: pooled.map(({ place }) => place), random: randomPlaces(pooled.length, P.seed), corner: pooled.map(() => 0) };
  return { ...Object.fromEntries(Object.entries(places).map(([name, at]) => [name, scatter(P, pooled, at)])), bilinear: bilinear(P, pooled) };
}

/** Of the windows whose maximum is above 0, how many have it back at its pixel; and the mean |difference| to the input. */
export function score(P, map) {
  const [width, pooled] = [P.size[1], pool(P)];
  const across = width / 2;
  const kept = pooled.filter(({ value, place }, k) => value && map[(2 * Math.floor(k / across) + (place >> 1)) * width + 2 * (k % across) + (place & 1)] === value);
  const error = map.reduce((total, value, i) => total + Math.abs(value - P.values[i]), 0) / map.length;
  return [kept.length, pooled.filter(({ value }) => value).length, error];
}

/** One sentence for the pooling, one for each way back. */
export function verdict(P) {
  const found = ways(P);
  const count = P.values.length;
  const lines = Object.entries(WAYS).map(([name, label]) => {
    const [kept, total, error] = score(P, found[name]);
    return `${label[0].toUpperCase()}${label.slice(1)}: ${kept} of ${total} maxima have their value at their pixel${name === "random" ? " (by chance 1 in 4)" : ""}; mean difference to the input ${format(error)}.`;
  });
  return [`Pooling keeps ${count / 4} of ${count} numbers; the letters, 2 bits each, say where in its window each was.`, ...lines];
}

/** A map to begin with: a slanted edge, a thin line, single dots. */
export function sample(name, [height, width]) {
  const value = {
    edge: (r, c) => ((2 * (r & 1) + (c & 1) + (r >> 1) + 2 * (c >> 1)) % 4) + (2 * c + r > width + Math.floor(height / 2) ? 6 : 0),
    line: (r, c) => (c === Math.min(1 + (r >> 1), width - 1) ? 9 - (r % 3) : 0),
    dots: (r, c) => ((3 * r + 5 * c) % 11 === 4 ? 3 + ((r + 2 * c) % 7) : 0),
  }[name];
  return Array.from({ length: height * width }, (_, i) => value(Math.floor(i / width), i % width));
}

export function render({ model, el }) {
  const root = card(el, "Unpooling viewer");
  root.classList.add("cw-unpooling");
  const state = () => Object.fromEntries(["size", "values", "seed", "selected"].map((name) => [name, model.get(name)]));
  const index = (P) => P.selected[0] * P.size[1] + P.selected[1];
  const write = (value) => {
    const P = state();
    update(model, { values: P.values.with(index(P), value) });
  };
  const chosen = { get: () => state().values[index(state())], set: (_, value) => model.set("values", state().values.with(index(state()), value)), save_changes: () => model.save_changes() };
  const value = slider(chosen, "value", "chosen number", 0, 9);
  const move = (down, right) => {
    const { size, selected } = state();
    update(model, { selected: [down, right].map((by, axis) => Math.min(Math.max(selected[axis] + by, 0), size[axis] - 1)) });
  };
  const input = numberGrid({ pick: (...at) => update(model, { selected: at }), move, hover() {} });
  input.addEventListener("keydown", (event) => /^[0-9]$/.test(event.key) && write(Number(event.key)));
  const pooledGrid = numberGrid();
  const back = Object.fromEntries(Object.keys(WAYS).map((name) => [name, numberGrid()]));
  const words = Array.from({ length: 5 }, () => h("p"));
  const again = button("other random indices", () => update(model, { seed: (model.get("seed") + 1) % 1000 }));
  const samples = SAMPLES.map((name) => button({ edge: "slanted edge", line: "thin line", dots: "dots" }[name], () => update(model, { values: sample(name, model.get("size")) })));
  root.append(
    h("div", { class: "cw-bar cw-first" }, h("span", { class: "cw-buttons" }, ...samples), again, h("div", { class: "cw-up-value" }, value)),
    h("div", { class: "cw-verdict", "aria-live": "polite" }, ...words),
    h("div", { class: "cw-figures cw-top" }, input, pooledGrid),
    h("div", { class: "cw-figures cw-top" }, ...Object.values(back)),
  );

  function draw() {
    const P = state();
    const [height, width] = P.size;
    const [row, column] = P.selected;
    value.refresh();
    const pooled = pool(P);
    const found = ways(P);
    const across = width / 2;
    const inWindow = (r, c) => r >> 1 === row >> 1 && c >> 1 === column >> 1;
    const at = (r, c) => pooled[(r >> 1) * across + (c >> 1)];
    const isMaximum = (r, c) => at(r, c).place === 2 * (r & 1) + (c & 1);
    const look = (number) => ({ text: format(number, 1), tint: (number / 9) * 70 });
    input.refresh({
      caption: `input, ${height}×${width}`, hint: "Choose a number by click or arrow keys; type 0 to 9. Letters: the maxima.", rows: height, cols: width,
      cell: (r, c) => {
        const selected = r === row && c === column;
        return { ...look(P.values[r * width + c]), at: [r, c], selected, tag: isMaximum(r, c) ? LETTERS[at(r, c).place] : "", kind: `cw-plus ${inWindow(r, c) ? "cw-part" : ""}` };
      },
    });
    pooledGrid.refresh({
      caption: `max pooling 2×2, ${height / 2}×${across}`, hint: "a b: upper left, right; c d: lower left, right", rows: height / 2, cols: across,
      cell: (r, c) => ({ ...look(pooled[r * across + c].value), tag: LETTERS[pooled[r * across + c].place], kind: `cw-plus ${inWindow(2 * r, 2 * c) ? "cw-part" : ""}` }),
    });
    for (const [name, label] of Object.entries(WAYS))
      back[name].refresh({
        caption: label, rows: height, cols: width,
        cell: (r, c) => {
          const number = found[name][r * width + c];
          return { ...look(number), kind: `${number ? "cw-plus" : "cw-zero"} ${inWindow(r, c) ? "cw-part" : ""}` };
        },
      });
    verdict(P).forEach((text, k) => (words[k].textContent = text));
    root.dataset.input = P.values.join("");
  }

  return drawOnChange(model, ["values", "seed", "selected"], draw);
}

export default { render };
