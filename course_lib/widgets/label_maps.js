// What the widgets that show pictures share: maps unpacked, borders between labels, pictures with crisp pixels. See label_maps.py.

export const PALETTE = ["3F90DA", "FFA90E", "BD1F01", "94A4A2", "832DB6", "A96B59", "E76300", "B9AC70", "717581", "92DADD"].map((hex) =>
  [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16)),
); // Petroff's ten colors, as course_lib.plots

export const bytesOf = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

/** `count` whole numbers from Python's `pack`: for each run of equal values its value and its length, 7 bits a byte, low first. */
export function unpack(text, count) {
  const bytes = bytesOf(text);
  const values = new Int32Array(count);
  let at = 0;
  let next = 0;
  const number = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[next++];
      value |= (byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  while (next < bytes.length) {
    const value = number();
    const end = at + number();
    values.fill(value, at, end);
    at = end;
  }
  return values;
}

/** The inverse of `unpack`, as Python's `pack`. */
export function pack(values) {
  const bytes = [];
  const put = (number) => {
    for (; number > 127; number >>>= 7) bytes.push((number & 127) | 128);
    bytes.push(number);
  };
  for (let at = 0, end = 0; at < values.length; at = end) {
    while (end < values.length && values[end] === values[at]) end++;
    put(values[at]);
    put(end - at);
  }
  return btoa(String.fromCharCode(...bytes));
}

/**
 * An SVG path, in pixel units, along the edges between neighbors i and j where differ(i, j) holds; j is -1 beyond the picture,
 * where edges are drawn only with `rim`.
 */
export function borders(differ, [height, width], rim = false) {
  const at = (r, c) => (r < 0 || c < 0 || r >= height || c >= width ? -1 : r * width + c);
  const edge = (i, j) => (i >= 0 && j >= 0 ? differ(i, j) : rim && differ(Math.max(i, j), -1));
  const parts = [];
  const scan = (lines, length, edgeAt, draw) => {
    for (let line = 0; line <= lines; line++) {
      let start = -1;
      for (let k = 0; k <= length; k++) {
        const here = k < length && edgeAt(line, k);
        if (here && start < 0) start = k;
        if (here || start < 0) continue;
        parts.push(draw(line, start, k - start)); // a straight run is one piece of the path
        start = -1;
      }
    }
  };
  scan(height, width, (y, x) => edge(at(y, x), at(y - 1, x)), (y, x, n) => `M${x} ${y}h${n}`);
  scan(width, height, (x, y) => edge(at(y, x), at(y, x - 1)), (x, y, n) => `M${x} ${y}v${n}`);
  return parts.join("");
}

/** Where a number fits best, per label > 0: [row, column, depth] of its pixel farthest from its border, in steps; the first of equals. */
export function centers(label, [height, width]) {
  const depth = new Int32Array(label.length);
  const near = (i, inside, j) => (inside && label[j] === label[i] ? depth[j] : 0);
  for (let i = 0; i < label.length; i++) {
    if (!label[i]) continue;
    depth[i] = 1 + Math.min(near(i, i >= width, i - width), near(i, i % width > 0, i - 1));
  }
  for (let i = label.length - 1; i >= 0; i--) {
    if (!label[i]) continue;
    const below = near(i, i < (height - 1) * width, i + width);
    depth[i] = Math.min(depth[i], 1 + Math.min(below, near(i, i % width < width - 1, i + 1)));
  }
  const found = new Map();
  for (let i = 0; i < label.length; i++)
    if (label[i] && !(found.get(label[i])?.[2] >= depth[i])) found.set(label[i], [Math.floor(i / width), i % width, depth[i]]);
  return found;
}

/** Connected components, numbered from 1 by their first pixel in reading order. Neighbors join if their values are equal; 0 is background. */
export function components(values, [height, width], connectivity) {
  const label = new Int32Array(values.length);
  const steps = [[-1, 0], [0, -1], [0, 1], [1, 0], [-1, -1], [-1, 1], [1, -1], [1, 1]].slice(0, connectivity);
  let count = 0;
  for (let first = 0; first < values.length; first++) {
    if (!values[first] || label[first]) continue;
    label[first] = ++count;
    const open = [first]; // flood fill
    while (open.length) {
      const i = open.pop();
      const [r, c] = [Math.floor(i / width), i % width];
      for (const [dr, dc] of steps) {
        const [y, x] = [r + dr, c + dc];
        const j = y * width + x;
        if (y < 0 || x < 0 || y >= height || x >= width || label[j] || values[j] !== values[i]) continue;
        label[j] = count;
        open.push(j);
      }
    }
  }
  return { label, count };
}

/**
 * A picture with crisp pixels and an SVG above it in the same units. paint(i => [r, g, b] or [r, g, b, alpha]) fills it;
 * `names` are SVG groups in that order, put(name, markup) fills one; tag([[row, column, text], ...]) writes words on pixels.
 */
export function pixelPicture([height, width], names, attributes = {}) {
  const canvas = h("canvas", { width, height, "aria-hidden": true });
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("aria-hidden", true);
  svg.innerHTML = names.map((name) => `<g class="cw-px-${name}"></g>`).join("");
  const tags = h("div", { "aria-hidden": true });
  const node = h("div", { class: "cw-px", style: `aspect-ratio: ${width} / ${height}`, ...attributes }, canvas, svg, tags);
  const context = canvas.getContext("2d");
  const data = context.createImageData(width, height);
  const paint = (color) => {
    for (let i = 0; i < height * width; i++) {
      const [r, g, b, alpha = 255] = color(i);
      data.data.set([r, g, b, alpha], 4 * i);
    }
    context.putImageData(data, 0, 0);
  };
  const groups = Object.fromEntries(names.map((name, index) => [name, svg.children[index]]));
  const put = (name, markup) => (groups[name].innerHTML = markup);
  const spot = (r, c) => `left: ${(100 * (c + 0.5)) / width}%; top: ${(100 * (r + 0.5)) / height}%`;
  const tag = (words) => tags.replaceChildren(...words.map(([r, c, text, kind = ""]) => h("span", { class: kind, style: spot(r, c) }, text)));
  /** [row, column] of the pixel under a pointer event. */
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    const along = (at, start, length, count) => Math.min(Math.max(Math.floor(((at - start) / length) * count), 0), count - 1);
    return [along(event.clientY, box.top, box.height, height), along(event.clientX, box.left, box.width, width)];
  };
  return { node, paint, put, tag, place };
}

/** A line with a light rim, visible on any color. */
export const line = (path, kind = "") => `<path class="cw-px-rim ${kind}" d="${path}"/><path class="cw-px-line ${kind}" d="${path}"/>`;
