// Watershed of a mask's distance map. dist: Float64Array, distance of each pixel to the nearest pixel outside the mask, 0 outside.
// The terrain is -dist: a nucleus is a basin, water rises from the markers. The same in Python: watershed.py, with scikit-image.

/** Exact Euclidean distance to the nearest zero of `mask`, as scipy.ndimage.distance_transform_edt. Down the columns, then along the rows. */
export function distanceMap(mask, [height, width]) {
  const down = new Float64Array(mask.length); // distance to the nearest zero of the same column, Infinity if it has none
  for (let c = 0; c < width; c++) {
    let gap = Infinity;
    for (let r = 0; r < height; r++) down[r * width + c] = gap = mask[r * width + c] ? gap + 1 : 0;
    gap = Infinity;
    for (let r = height - 1; r >= 0; r--) {
      gap = mask[r * width + c] ? gap + 1 : 0;
      down[r * width + c] = Math.min(down[r * width + c], gap);
    }
  }
  return new Float64Array(mask.length).map((_, i) => {
    if (!mask[i]) return 0;
    const [row, c] = [i - (i % width), i % width];
    let best = Infinity;
    for (let k = 0; k < width; k++) best = Math.min(best, down[row + k] ** 2 + (c - k) ** 2);
    return Math.sqrt(best); // of a whole number: exact, the same number as scipy's
  });
}

/**
 * The dynamics of each maximum of dist: how far one must go down from it, at least, to reach a higher one (8 neighbors); for the highest,
 * its height. 0 for pixels that are no maximum. Two maxima of exactly equal height do not count as higher than one another, so both keep
 * theirs. A pixel is in skimage.morphology.h_maxima(dist, h) exactly if its dynamics are at least h.
 */
export function dynamics(dist, [height, width]) {
  const found = new Float64Array(dist.length);
  const order = [...dist.keys()].filter((i) => dist[i]).sort((a, b) => dist[b] - dist[a]);
  const parent = new Int32Array(dist.length).fill(-1); // of the hills, as the water sinks; -1: still under water
  const peaks = new Map(); // by root: the hill's highest pixels
  const root = (i) => {
    while (parent[i] !== i) i = parent[i] = parent[parent[i]];
    return i;
  };
  for (const i of order) {
    parent[i] = i;
    peaks.set(i, [i]);
    const [r, c] = [Math.floor(i / width), i % width];
    for (let y = Math.max(r - 1, 0); y <= Math.min(r + 1, height - 1); y++)
      for (let x = Math.max(c - 1, 0); x <= Math.min(c + 1, width - 1); x++) {
        if (parent[y * width + x] < 0) continue;
        let [high, low] = [root(i), root(y * width + x)];
        if (high === low) continue;
        if (dist[peaks.get(high)[0]] < dist[peaks.get(low)[0]]) [high, low] = [low, high];
        const [kept, lost] = [peaks.get(high), peaks.get(low)];
        const equal = dist[kept[0]] === dist[lost[0]];
        for (const p of lost) equal ? kept.push(p) : (found[p] = dist[p] - dist[i]); // two hills meet here, and the lower one is decided
        parent[low] = high;
        peaks.delete(low);
      }
  }
  for (const rest of peaks.values()) for (const p of rest) found[p] = dist[p]; // to a higher one only over the ground outside
  return found;
}

/** Markers, numbered from 1 in reading order: connected maxima (8 neighbors) with dynamics of at least h; at h = 0 every maximum. */
export const markers = (dyn, shape, h) => components(dyn.map((value) => (value > 0 && value >= h ? 1 : 0)), shape, 8);

/** The terrain: for each pixel the rank of its height among `heights` (0 = deepest); the last rank is the ground outside, height 0. */
export function terrain(dist) {
  const heights = [...new Set([...dist, 0])].sort((a, b) => b - a).map((value) => -value);
  const rank = new Map(heights.map((value, k) => [-value, k]));
  return { heights, rank: Int32Array.from(dist, (value) => rank.get(value)) };
}

/**
 * Flood the terrain from the markers: { label, level }, level = height of the water when it reaches the pixel (negative; 0 outside).
 * A pixel waits at the shore until the water reaches its height, or the water's own if that is higher; among pixels that wait for the same
 * water, the one that came to the shore first is next, markers in reading order; its neighbors come in the order up, left, right, down.
 * A pixel belongs to the basin that brought it to the shore. No marker, no water: label 0, level 0.
 */
export function flood({ heights, rank }, marker, [height, width]) {
  const label = Int32Array.from(marker);
  const level = new Float64Array(rank.length);
  const shore = heights.map(() => []);
  const outside = heights.length - 1;
  marker.forEach((number, i) => number && shore[rank[i]].push(i));
  for (let k = 0; k < outside; k++)
    for (let next = 0; next < shore[k].length; next++) {
      const i = shore[k][next];
      level[i] = heights[k];
      const c = i % width;
      for (const j of [i >= width ? i - width : -1, c ? i - 1 : -1, c < width - 1 ? i + 1 : -1, i + width < height * width ? i + width : -1]) {
        if (j < 0 || rank[j] === outside || label[j]) continue;
        label[j] = label[i];
        shore[Math.max(k, rank[j])].push(j);
      }
    }
  return { label, level };
}

/**
 * What became of each true cell (lists of pixels): { right, merged, cut, lost } per cell. Its region holds more than half of it. Merged: the
 * region also holds more than half of another cell. Cut: a second region holds more than a fifth of it. Lost: no region holds more than half
 * and it is not cut. A cell can be merged and cut; right is neither, nor lost.
 */
export function fates(cells, label) {
  const shares = cells.map((pixels) => {
    const count = new Map();
    for (const i of pixels) if (label[i]) count.set(label[i], (count.get(label[i]) ?? 0) + 1);
    return [...count].map(([region, n]) => [region, n / pixels.length]).sort((a, b) => b[1] - a[1]);
  });
  const region = shares.map(([first]) => (first?.[1] > 0.5 ? first[0] : 0));
  return shares.map((list, k) => {
    const merged = region[k] > 0 && region.some((other, m) => m !== k && other === region[k]);
    const cut = list.length > 1 && list[1][1] > 0.2;
    const lost = !region[k] && !cut;
    return { merged, cut, lost, right: !merged && !cut && !lost };
  });
}

/**
 * For each maximum of markers(dyn, shape, 0) an index into PALETTE: the color whose nearest user
 * so far lies farthest away. A basin keeps it at every h.
 */
export function basinColors(maxima, [, width]) {
  const places = [];
  maxima.label.forEach((k, i) => k && (places[k - 1] ??= [Math.floor(i / width), i % width]));
  const colors = [];
  for (const [r, c] of places) {
    const nearest = PALETTE.map(() => Infinity);
    colors.forEach((color, k) => (nearest[color] = Math.min(nearest[color], (places[k][0] - r) ** 2 + (places[k][1] - c) ** 2)));
    colors.push(nearest.indexOf(Math.max(...nearest)));
  }
  return colors;
}
