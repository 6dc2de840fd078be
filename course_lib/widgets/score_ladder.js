// What does each score map add? Three class-score maps of an FCN-8s, enlarged and added by a slider. The same in Python: score_ladder.py.

const NAMES = ["score_fr", "score_pool4", "score_pool3"];
const STRIDES = [32, 16, 8];
const [POSITIVE, NEGATIVE] = [[0, 114, 178], [213, 94, 0]]; // blue, vermillion

/** What each map is multiplied by: 0 is score_fr alone, 1 adds score_pool4, 2 adds score_pool3. */
export const weights = (amount) => [1, Math.min(amount, 1), Math.max(amount - 1, 0)];

/** Bilinear transposed convolution along one axis as rows of a matrix, (factor * cells) x cells: cell i draws a triangle around its middle. */
function stamps(cells, factor) {
  const weight = (p, i) => Math.max(0, 1 - Math.abs((p + 0.5) / factor - i - 0.5));
  return Array.from({ length: factor * cells }, (_, p) => Array.from({ length: cells }, (_, i) => weight(p, i)));
}

const times = (a, b) => a.map((row) => b[0].map((_, j) => row.reduce((sum, value, k) => sum + value * b[k][j], 0)));

/** From `cells` to `size` along one axis: doubled until the stride is 8, then eight times. */
export function upsampling(cells, size) {
  let matrix = Array.from({ length: cells }, (_, i) => Array.from({ length: cells }, (_, j) => Number(i === j)));
  while (8 * matrix.length < size) matrix = times(stamps(matrix.length, 2), matrix);
  return times(stamps(matrix.length, 8), matrix);
}

/** Each map at the size of the picture, Float64Array of C * H * W. */
function enlarge(flat, count, [height, width], stride) {
  const [rows, columns] = [height / stride, width / stride];
  const [down, over] = [upsampling(rows, height), upsampling(columns, width)];
  const out = new Float64Array(count * height * width);
  for (let c = 0; c < count; c++)
    for (let y = 0; y < height; y++) {
      const mixed = Array.from({ length: columns }, (_, j) => {
        let sum = 0;
        for (let i = 0; i < rows; i++) if (down[y][i]) sum += down[y][i] * flat[(c * rows + i) * columns + j];
        return sum;
      });
      for (let x = 0; x < width; x++) {
        let sum = 0;
        for (let j = 0; j < columns; j++) if (over[x][j]) sum += mixed[j] * over[x][j];
        out[(c * height + y) * width + x] = sum;
      }
    }
  return out;
}

/** What does not change while the slider moves. */
export function prepare(get) {
  const [size, classes] = [get("size"), get("classes")];
  const area = size[0] * size[1];
  const S = { size, classes, area, flat: get("scores"), colors: get("colors"), bytes: bytesOf(get("picture")) };
  S.parts = S.flat.map((flat, k) => enlarge(flat, classes.length, size, STRIDES[k]));
  S.truth = get("truth") ? unpack(get("truth"), area) : null;
  S.coarse = labels(S, logits(S, [1, 0, 0]));
  const full = logits(S, [1, 1, 1]);
  S.most = classes.map((_, c) => {
    const largest = (values, length) => values.subarray(c * length, (c + 1) * length).reduce((most, value) => Math.max(most, Math.abs(value)), 1e-9);
    return Math.max(largest(full, area), ...S.flat.map((flat) => largest(Float64Array.from(flat), flat.length / classes.length)));
  });
  return S;
}

/** The weighted sum of the enlarged maps. */
export function logits(S, [a, b, c]) {
  const [first, second, third] = S.parts;
  return first.map((value, i) => value * a + second[i] * b + third[i] * c);
}

/** The class with the highest sum at each pixel, the first of equals. */
export function labels(S, sums) {
  const answer = new Int32Array(S.area);
  for (let i = 0; i < S.area; i++)
    for (let c = 1; c < S.classes.length; c++) if (sums[c * S.area + i] > sums[answer[i] * S.area + i]) answer[i] = c;
  return answer;
}

/** [what is added and what it changes, how the shown class fares]. */
export function verdict(S, answer, amount, shown) {
  const terms = weights(amount).map((w, k) => (w === 1 ? NAMES[k] : w ? `${format(w)} · ${NAMES[k]}` : ""));
  const sum = terms.filter(Boolean).join(" + ");
  const k = S.classes.indexOf(shown);
  let [moved, valid, right, found, real, hit] = [0, 0, 0, 0, 0, 0];
  answer.forEach((value, i) => {
    moved += value !== S.coarse[i];
    if (S.truth?.[i] === 255) return;
    valid += 1;
    right += value === S.truth?.[i];
    found += value === k;
    real += S.truth?.[i] === k;
    hit += value === k && S.truth?.[i] === k;
  });
  const changed = amount ? [`${format((100 * moved) / S.area, 1)} % of the pixels have another class than with score_fr alone`] : [];
  if (!S.truth) return [`${[sum, ...changed].join(": ")}.`, `${shown}: ${found} pixels.`];
  const union = found + real - hit;
  const iou = union ? `IoU ${format(hit / union)}` : "no IoU";
  const share = `${format(valid ? (100 * right) / valid : 0, 1)} % of the pixels are right`;
  return [
    `${sum}: ${[share, ...changed].join("; ")}.`,
    `${shown}: ${found} pixels predicted, ${real} true, ${iou}.`,
  ];
}

/** A score as a color: white is 0, blue positive, vermillion negative, full at ±most. */
function tint(score, most) {
  const share = Math.min(Math.abs(score) / most, 1);
  return (score > 0 ? POSITIVE : NEGATIVE).map((value) => 255 - share * (255 - value));
}

export function render({ model, el }) {
  const root = card(el, "Score ladder");
  const S = prepare((name) => model.get(name));
  const [height, width] = S.size;
  const named = (value) => ({ 0: "stride 32", 1: "stride 16", 2: "stride 8" })[value] ?? format(value);
  const climb = slider(model, "amount", "maps added", 0, 2, 0.1, named);
  climb.classList.add("cw-ladder-climb");
  const jumps = [0, 1, 2].map((value) => button(named(value), () => update(model, { amount: value })));
  const choice = options(model, "shown", "scores of", S.classes.map((name) => [name, name]));
  choice.querySelectorAll("label").forEach((label, c) =>
    label.insertBefore(h("span", { class: "cw-swatch", style: `background: rgb(${S.colors[c]})`, "aria-hidden": true }), label.lastChild),
  );
  const words = [h("p"), h("p")];
  const figure = (size, groups = []) => {
    const picture = pixelPicture(size, groups, { role: "img" });
    const caption = h("figcaption");
    return { ...picture, caption, box: h("figure", { class: "cw-figure cw-ladder-figure" }, caption, picture.node) };
  };
  const [photo, result, total] = [figure(S.size), figure(S.size, ["borders"]), figure(S.size)];
  const rungs = STRIDES.map((stride) => figure([height / stride, width / stride]));
  root.append(
    h("div", { class: "cw-bar cw-first" }, climb, h("span", { class: "cw-buttons" }, ...jumps)),
    h("div", { class: "cw-bar" }, choice),
    h("div", { class: "cw-verdict", "aria-live": "polite" }, ...words),
    h("div", { class: "cw-ladder" }, ...[photo, result, total, ...rungs].map(({ box }) => box)),
    h("p", { class: "cw-hint" }, "Scores: white 0, blue positive, vermillion negative; one scale for all maps of a class."),
  );
  photo.paint((i) => S.bytes.subarray(3 * i, 3 * i + 3));
  photo.caption.textContent = "picture";
  photo.node.setAttribute("aria-label", `the picture, ${height}×${width} pixels`);
  result.caption.textContent = S.truth ? "answer and true outlines" : "answer";
  if (S.truth) result.put("borders", `<path d="${borders((i, j) => S.truth[i] !== S.truth[j], S.size)}"/>`);

  function draw() {
    const [amount, shown] = [model.get("amount"), model.get("shown")];
    climb.refresh();
    choice.refresh();
    const k = S.classes.indexOf(shown);
    const sums = logits(S, weights(amount));
    const answer = labels(S, sums);
    result.paint((i) => S.colors[answer[i]]);
    total.paint((i) => tint(sums[k * S.area + i], S.most[k]));
    total.caption.textContent = `sum of the scores for ${shown}`;
    weights(amount).forEach((weight, step) => {
      const { paint, node, caption } = rungs[step];
      const cells = S.flat[step].length / S.classes.length;
      paint((i) => tint(S.flat[step][k * cells + i], S.most[k]));
      caption.textContent = `${NAMES[step]} (stride ${STRIDES[step]}) × ${format(weight)}`;
      node.setAttribute("aria-label", `${NAMES[step]} for ${shown}, weight ${format(weight)}`);
      node.classList.toggle("cw-ladder-off", weight === 0);
    });
    const said = verdict(S, answer, amount, shown);
    said.forEach((text, index) => (words[index].textContent = text));
    result.node.setAttribute("aria-label", said[0]);
    total.node.setAttribute("aria-label", `${total.caption.textContent}; ${said[1]}`);
    root.dataset.amount = amount;
  }

  return drawOnChange(model, ["amount", "shown"], draw);
}

export default { render };
