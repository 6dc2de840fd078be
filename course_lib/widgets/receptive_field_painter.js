// What does one output cell see? P holds { layers: [[kernel, stride, rate], ...] from the first to the last, size: cells along one side of
// the input, padding: "same" | "none" }. All of it along one axis: both axes are alike, and counts of two axes multiply.
// The same arithmetic in Python: receptive_field_painter.py. The drawing: receptive_field_pictures.js and
// receptive_field_view.js.

const LIMITS = { kernel: [1, 7], stride: [1, 4], rate: [1, 8] };
const MOST_LAYERS = 6;
const range = (n) => Array.from({ length: n }, (_, i) => i);
const widening = ([kernel, , rate]) => (kernel - 1) * rate;
/** Padding cells in front of the map; as many behind it, or one more. The map then has ceil(cells / stride) cells. */
const front = (layer, P) => (P.padding === "same" ? Math.floor(widening(layer) / 2) : 0);

/** Cells along one side of the input and of each layer's map. The list ends before a layer that does not fit. */
export function mapSizes(P) {
  const sizes = [P.size];
  for (const layer of P.layers) {
    const room = sizes.at(-1) - 1 - (P.padding === "same" ? 0 : widening(layer));
    if (room < 0) break;
    sizes.push(Math.floor(room / layer[1]) + 1);
  }
  return sizes;
}

/** Why there is no output, in one sentence; "" if there is one. */
export function problem(P) {
  const sizes = mapSizes(P);
  const layer = P.layers[sizes.length - 1];
  return layer
    ? `Layer ${sizes.length} spans ${widening(layer) + 1} cells, but the map below it has ${sizes.at(-1)}: without padding it fits nowhere.`
    : "";
}

/** The field of a cell of the input and of each map: cell i sees the input cells start + i·jump to start + i·jump + size − 1. */
export function fields(P) {
  const all = [{ size: 1, jump: 1, start: 0 }];
  for (const layer of P.layers) {
    const { size, jump, start } = all.at(-1);
    all.push({ size: size + widening(layer) * jump, jump: jump * layer[1], start: start - front(layer, P) * jump });
  }
  return all;
}

/** The cells of the map below that cell i of this layer reads; some may lie in the padding. */
export const reads = (layer, P, i) => range(layer[0]).map((tap) => i * layer[1] - front(layer, P) + tap * layer[2]);

/** The output cell shown: the chosen one while it exists, else the middle. */
export const shownCell = (cell, cells) => (cell != null && cell < cells ? cell : Math.floor(cells / 2));

/**
 * How many paths lead from output cell i down to each cell of the input and of each map, along one axis. A path goes from a cell to one that
 * it reads; padding is a dead end. With all weights 1 this is the gradient of the output cell.
 */
export function paths(P, i) {
  const sizes = mapSizes(P);
  const all = sizes.map((cells) => new Array(cells).fill(0));
  all.at(-1)[i] = 1;
  for (let level = P.layers.length; level > 0; level--)
    all[level].forEach((count, cell) => {
      if (count) reads(P.layers[level - 1], P, cell).forEach((at) => at >= 0 && at < sizes[level - 1] && (all[level - 1][at] += count));
    });
  return all;
}

/** The same counts over the field of a cell far from any border. */
export function profile(layers) {
  let counts = [1];
  let jump = 1;
  for (const layer of layers) {
    const wider = new Array(counts.length + widening(layer) * jump).fill(0);
    for (let tap = 0; tap < layer[0]; tap++) {
      const shift = tap * layer[2] * jump;
      for (let c = 0; c < counts.length; c++) wider[shift + c] += counts[c];
    }
    counts = wider;
    jump *= layer[1];
  }
  return counts;
}

/** Side of the smallest square in the middle of the field that holds this share of the paths of both axes. */
export function middle(counts, share) {
  const total = counts.reduce((a, b) => a + b);
  let side = counts.length % 2 || 2;
  const first = (counts.length - side) / 2;
  let inner = counts.slice(first, first + side).reduce((a, b) => a + b);
  for (; (inner / total) ** 2 < share; side += 2) {
    const low = (counts.length - side) / 2 - 1;
    inner += counts[low] + counts[low + side + 1];
  }
  return side;
}

/** Size of the field of the `previous` layers; null if there are none. */
export const reachBefore = (P, previous) => (previous.length ? fields({ ...P, layers: previous }).at(-1).size : null);

/** What the field is, in words: its reach against that of the previous layers, its holes, its weight. */
export function verdict(P, previous) {
  const counts = profile(P.layers);
  const n = counts.length;
  const before = reachBefore(P, previous);
  const ratio = before === n ? "as wide as before the last change" : `before the last change ${before}×${before}, so ${format(n / before)} times as wide`;
  const touched = counts.filter((count) => count > 0).length;
  const share = format((100 * touched ** 2) / n ** 2, 1);
  const [half, most] = [0.5, 0.95].map((part) => middle(counts, part));
  return {
    reach: `Field: ${n}×${n} input cells${before ? `; ${ratio}` : ""}.`,
    holes: touched === n ? `No holes: all ${n ** 2} cells of the field are touched, the padding among them counted.` : `Holes: ${touched ** 2} of the ${n ** 2} cells of the field are touched (${share} %), the padding among them counted.`,
    weight: `Half of the paths end in its middle ${half}×${half} cells, 95 % in ${most}×${most}.`,
    whole: touched === n,
  };
}

/** Which input cells output cell i sees along one axis, in words. */
export function where(P, i) {
  const { size, jump, start } = fields(P).at(-1);
  const first = start + i * jump;
  const outside = Math.min(size, Math.max(0, -first)) + Math.min(size, Math.max(0, first + size - P.size));
  const seen = size === 1 ? `cell ${format(first)}` : `cells ${format(first)} to ${format(first + size - 1)}`;
  return `Output cell ${i} sees input ${seen}${outside ? `, ${outside} of them outside the map` : ""}.`;
}
