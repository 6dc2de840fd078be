// What the mask playground does with masks and says about them. A mask is an array of 0 and 1 in reading order, shape is [height, width].
// In Python: course_lib.metrics and mask_playground.py.

export const METRICS = { accuracy: "pixel accuracy", iou: "IoU", dice: "Dice", f1: "boundary F1", band: "boundary IoU" };
const sum = (values) => values.reduce((total, value) => total + value, 0); // also of typed arrays
const ratio = (part, whole) => part / Math.max(whole, 1);

/** How many pixels are on in the square that reaches `reach` pixels around each one; sums over rows and columns, taken once. */
function around(mask, reach, [height, width]) {
  const table = new Int32Array((height + 1) * (width + 1)); // of the pixels above and to the left
  for (let r = 0; r < height; r++)
    for (let c = 0, row = 0; c < width; c++) table[(r + 1) * (width + 1) + c + 1] = table[r * (width + 1) + c + 1] + (row += mask[r * width + c]);
  return Int32Array.from(mask, (_, i) => {
    const [r, c] = [Math.floor(i / width), i % width];
    const [top, bottom] = [Math.max(r - reach, 0) * (width + 1), Math.min(r + reach + 1, height) * (width + 1)];
    const [left, right] = [Math.max(c - reach, 0), Math.min(c + reach + 1, width)];
    return table[bottom + right] - table[bottom + left] - table[top + right] + table[top + left];
  });
}

/** What `reach` erosions by 3×3 leave; the surroundings of the picture are background. */
export const erode = (mask, shape, reach = 1) => Uint8Array.from(around(mask, reach, shape), (n) => (n === (2 * reach + 1) ** 2 ? 1 : 0));

/** What is on where the 3×3 pixels around hold any of the mask. */
export const dilate = (mask, shape) => Uint8Array.from(around(mask, 1, shape), (n) => (n ? 1 : 0));

/** The mask moved; what leaves the picture is lost. */
export const shift = (mask, [down, right], [height, width]) =>
  Uint8Array.from(mask, (_, i) => {
    const [r, c] = [Math.floor(i / width) - down, (i % width) - right];
    return r >= 0 && c >= 0 && r < height && c < width ? mask[r * width + c] : 0;
  });

/** A square of `side` pixels around (row, column), or as near to that as an even side can be, set to `value`; in place. */
export function stamp(mask, [row, column], side, value, [height, width]) {
  const first = (at) => at - Math.floor((side - 1) / 2);
  for (let r = Math.max(first(row), 0); r < Math.min(first(row) + side, height); r++)
    for (let c = Math.max(first(column), 0); c < Math.min(first(column) + side, width); c++) mask[r * width + c] = value;
}

/** Boundary of a mask as DAVIS draws it: pixels that differ from their right, lower or lower right neighbor inside the picture. */
export function boundary(mask, [height, width]) {
  const differ = (i, inside, j) => inside && mask[i] !== mask[j];
  return Uint8Array.from(mask, (_, i) => {
    const [below, beside] = [i + width < height * width, i % width < width - 1];
    return differ(i, beside, i + 1) || differ(i, below, i + width) || differ(i, below && beside, i + width + 1) ? 1 : 0;
  });
}

/** Pixels at most `tolerance` from one that is on (Euclidean). */
export function near(edges, tolerance, [height, width]) {
  const found = new Uint8Array(edges.length);
  const reach = Math.floor(tolerance);
  edges.forEach((on, i) => {
    if (!on) return;
    const [row, column] = [Math.floor(i / width), i % width];
    for (let r = Math.max(row - reach, 0); r <= Math.min(row + reach, height - 1); r++)
      for (let c = Math.max(column - reach, 0); c <= Math.min(column + reach, width - 1); c++)
        if ((r - row) ** 2 + (c - column) ** 2 <= tolerance ** 2) found[r * width + c] = 1;
  });
  return found;
}

/** The pixels of a mask that `width` erosions take away. */
export function band(mask, width, shape) {
  const inner = erode(mask, shape, width);
  return Uint8Array.from(mask, (on, i) => on - inner[i]);
}

/** The truth with what does not change while one paints: its boundary, what is near it, its band. */
export function settle(truth, shape, tolerance, width) {
  const wanted = boundary(truth, shape);
  return { truth, shape, tolerance, width, wanted, close: near(wanted, tolerance, shape), ring: band(truth, width, shape) };
}

/**
 * What a view colors, per pixel: 1 right, 2 too much, 3 missed, 0 nothing. "pixels": of the masks; "boundaries": of the boundary pixels,
 * right if the other mask has one within the tolerance; "bands": of the bands along the inner side of both outlines.
 */
export function sorts(S, mask, view) {
  const [truth, found] = view === "bands" ? [S.ring, band(mask, S.width, S.shape)] : [S.truth, mask];
  if (view !== "boundaries") return found.map((on, i) => (on ? (truth[i] ? 1 : 2) : truth[i] ? 3 : 0));
  const edges = boundary(found, S.shape);
  const reached = near(edges, S.tolerance, S.shape);
  return edges.map((on, i) => (on ? (S.close[i] ? 1 : 2) : S.wanted[i] ? (reached[i] ? 1 : 3) : 0));
}

/** How many pixels of a view are of sort 1, 2 and 3. */
export function counts(sorted) {
  const found = [0, 0, 0, 0];
  for (const sort of sorted) found[sort]++;
  return found.slice(1);
}

/** The five metrics of a mask, by the names of METRICS. */
export function measure(S, mask) {
  const [tp, fp, fn] = counts(sorts(S, mask, "pixels"));
  const [inBoth, onlyFound, onlyTrue] = counts(sorts(S, mask, "bands"));
  const edges = boundary(mask, S.shape);
  const hits = (these, others) => ratio(sum(these.map((on, i) => on & others[i])), sum(these));
  const [precision, recall] = [hits(edges, S.close), hits(S.wanted, near(edges, S.tolerance, S.shape))];
  return {
    accuracy: (mask.length - fp - fn) / mask.length,
    iou: tp / (tp + fp + fn),
    dice: (2 * tp) / (2 * tp + fp + fn),
    f1: precision + recall ? (2 * precision * recall) / (precision + recall) : 0,
    band: inBoth / (inBoth + onlyFound + onlyTrue),
  };
}

/** -1, 0 or 1 for each metric: has it fallen, stayed (to the three decimals that are shown), risen? */
export const changes = (now, before) => Object.keys(METRICS).map((name) => (Math.abs(now[name] - before[name]) < 0.0005 ? 0 : Math.sign(now[name] - before[name])));

/** [what the last step did, what an empty prediction would get, do the metrics disagree]; before: the metrics before it, or null. */
export function verdict(S, now, before) {
  const empty = `Nothing painted at all: pixel accuracy ${format((S.truth.length - sum(S.truth)) / S.truth.length, 3)}, and 0 in the other four.`;
  if (!before) return ["Paint one stroke: this line says which metrics it raised and which it lowered.", empty, false];
  const moved = changes(now, before);
  const names = (sign) => Object.values(METRICS).filter((_, k) => moved[k] === sign);
  const list = (words) => (words.length > 1 ? `${words.slice(0, -1).join(", ")} and ${words.at(-1)}` : words[0]);
  const [up, down, still] = [1, -1, 0].map(names);
  const parts = [up.length && `raised ${list(up)}`, down.length && `lowered ${list(down)}`].filter(Boolean);
  if (!parts.length) return ["The last step changed nothing that three decimals show.", empty, false];
  const disagree = up.length > 0 && down.length > 0;
  const rest = still.length ? ` Unchanged: ${list(still)}.` : "";
  return [`${disagree ? "The metrics disagree: the" : "The"} last step ${parts.join(" and ")}.${rest}`, empty, disagree];
}

/** The truths that the buttons offer, for any shape. */
export const PRESETS = { stem: "disk with a stem", large: "large square", small: "small square" };

export function preset(name, [height, width]) {
  const least = Math.min(height, width);
  const side = name === "large" ? Math.floor(0.6 * least) : 4;
  const [top, left] = [Math.floor((height - side) / 2), Math.floor((width - side) / 2)];
  const [row, column] = [Math.floor(0.36 * height), Math.floor(width / 2)];
  return Uint8Array.from({ length: height * width }, (_, i) => {
    const [r, c] = [Math.floor(i / width), i % width];
    if (name !== "stem") return r >= top && r < top + side && c >= left && c < left + side ? 1 : 0;
    const disk = (r - row) ** 2 + (c - column) ** 2 < (0.27 * least) ** 2;
    return disk || (r > row && r < Math.floor(0.92 * height) && c >= column - 1 && c <= column) ? 1 : 0;
  });
}
