// Where do checkerboards come from? P holds { kernel, stride, padding, values: "uniform" | "bilinear" | "random", seed, signal: "flat" | "hill" }.
// The same arithmetic in Python: checkerboard_explorer.py.

const LETTERS = "abcdefghijklmnop";
const range = (n) => Array.from({ length: n }, (_, i) => i);
const square = (n, value) => range(n).map((r) => range(n).map((c) => value(r, c)));

/** Input cells along one side: enough for two or three whole periods away from the border. */
export const inputSize = (P) => [8, 6, 5, 4][P.stride - 1];
export const outputSize = (P) => (inputSize(P) - 1) * P.stride + P.kernel - 2 * P.padding;

export function inputValues(P) {
  const n = inputSize(P);
  const hill = (i) => Math.sin((Math.PI * (i + 0.5)) / n) ** 2;
  return square(n, (i, j) => (P.signal === "flat" ? 1 : 0.25 + 0.75 * hill(i) * hill(j)));
}

/** Two-decimal numbers in [-1, 1] from a Lehmer generator, whose products are exact in JavaScript and in Python. */
export function randomValues(seed, count) {
  let state = seed + 1;
  const next = () => (state = (state * 48271) % 2147483647);
  range(3).forEach(next);
  return range(count).map(() => (Math.floor((next() / 2147483647) * 201) - 100) / 100);
}

export function kernelValues(P) {
  const k = P.kernel;
  if (P.values === "uniform") return square(k, () => 1);
  if (P.values === "bilinear") {
    const slope = Math.floor((k + 1) / 2);
    const tent = (a) => 1 - Math.abs(a - (k - 1) / 2) / slope;
    return square(k, (a, b) => tent(a) * tent(b));
  }
  const numbers = randomValues(P.seed, k * k);
  return square(k, (a, b) => numbers[a * k + b]);
}

/** The transposed convolution of the input x with the kernel w. */
export function response(P, x = inputValues(P), w = kernelValues(P)) {
  const o = outputSize(P);
  const out = square(o, () => 0);
  x.forEach((row, i) =>
    row.forEach((value, j) =>
      w.forEach((taps, a) =>
        taps.forEach((tap, b) => {
          const [r, c] = [i * P.stride + a - P.padding, j * P.stride + b - P.padding];
          if (r >= 0 && c >= 0 && r < o && c < o) out[r][c] += value * tap;
        }),
      ),
    ),
  );
  return out;
}

/** How many input cells reach each output pixel along one axis; the two-dimensional counts are its products. */
export function coverage(P) {
  return range(outputSize(P)).map((r) =>
    range(inputSize(P)).filter((i) => r + P.padding - i * P.stride >= 0 && r + P.padding - i * P.stride < P.kernel).length,
  );
}

/** [first, side] of the square window away from the border, whole periods only, in output pixels. */
export function interior(P) {
  const first = Math.max(P.kernel - P.stride, P.padding, 0) - P.padding;
  const end = Math.min(inputSize(P) * P.stride - P.padding, outputSize(P));
  return [first, Math.floor((end - first) / P.stride) * P.stride];
}

/** What an interior output pixel of a flat input gets, by its phase: the sum of every stride-th kernel cell. */
export function phaseSums(P, w = kernelValues(P)) {
  const sums = square(P.stride, () => 0);
  w.forEach((row, a) => row.forEach((tap, b) => (sums[a % P.stride][b % P.stride] += tap)));
  return sums;
}

/** Standard deviation / |mean| of the phase sums: how strong the pattern on a flat input is. 0 is none. */
export function ripple(sums) {
  const values = sums.flat();
  const mean = values.reduce((a, b) => a + b) / values.length;
  const deviation = Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length);
  return deviation < 1e-9 ? 0 : Math.abs(mean) < 1e-9 ? Infinity : deviation / Math.abs(mean);
}

/** Share of the AC energy of the square map z at row or column frequencies that are nonzero multiples of 1 / period. */
export function periodEnergy(z, period) {
  const n = z.length;
  const mean = z.flat().reduce((a, b) => a + b) / n ** 2;
  const [cos, sin] = [Math.cos, Math.sin].map((f) => range(n).map((i) => f((2 * Math.PI * i) / n)));
  const repeats = (u) => u > 0 && (u * period) % n === 0;
  let [periodic, total] = [0, 0];
  for (let u = 0; u < n; u++)
    for (let v = 0; v < n; v++) {
      let [re, im] = [0, 0];
      for (let r = 0; r < n; r++)
        for (let c = 0; c < n; c++) {
          const angle = (u * r + v * c) % n;
          re += (z[r][c] - mean) * cos[angle];
          im += (z[r][c] - mean) * sin[angle];
        }
      total += re * re + im * im;
      if (repeats(u) || repeats(v)) periodic += re * re + im * im;
    }
  const rounding = Number.EPSILON * n * n * z.flat().reduce((a, b) => a + b * b, 0);
  return total > rounding ? periodic / total : 0;
}

/** The output row whose bars are drawn: of one period in the middle, the one that varies most. */
export function markedRow(P, out) {
  const [first, side] = interior(P);
  const start = first + Math.floor(side / P.stride / 2) * P.stride;
  const spread = (r) => Math.max(...out[r].slice(first, first + side)) - Math.min(...out[r].slice(first, first + side));
  return range(P.stride).reduce((best, r) => (spread(start + r) > spread(best) + 1e-9 ? start + r : best), start);
}

/** The two findings and the measure, in words. */
export function verdict(P, out = response(P)) {
  const along = [...new Set(range(P.stride).map((r) => Math.ceil((P.kernel - r) / P.stride)))];
  const counts = [...new Set(along.flatMap((a) => along.map((b) => Math.max(a, 0) * Math.max(b, 0))))].sort((a, b) => a - b);
  const even = counts.length === 1;
  const list = even ? counts[0] : `${counts.slice(0, -1).join(", ")} or ${counts.at(-1)}`;
  const ratio = even ? "1" : counts[0] ? format(counts.at(-1) / counts[0]) : "infinite: gaps";
  const stamps = `Every interior pixel gets ${list} stamp${even && counts[0] === 1 ? "" : "s"} (max/min ${ratio}); `;
  const divides = `${P.kernel} is ${P.kernel % P.stride ? "not " : ""}divisible by ${P.stride}.`;
  const strength = ripple(phaseSums(P));
  const name = { uniform: "Uniform kernel", bilinear: "Bilinear kernel", random: "Random kernel" }[P.values];
  const but = strength ? (even ? ", although every pixel gets equally many" : "") : even ? "" : ", although the counts differ";
  const shown = strength === Infinity ? "infinite (the mean is 0)" : strength.toFixed(2);
  const pattern = `${name}: ${strength ? "a pattern" : "no pattern"}${but}. Ripple ${shown} (std / |mean| of the phase sums).`;
  const [first, side] = interior(P);
  const window = out.slice(first, first + side).map((row) => row.slice(first, first + side));
  const share = periodEnergy(window, P.stride).toFixed(2);
  const why = P.signal === "hill" ? "the rest is the hill" : strength ? "on a flat input all variation is pattern" : "nothing varies";
  const energy = P.stride === 1 ? "Stride 1 has no period." : `AC energy at period ${P.stride} in the dashed window: ${share} (${why}).`;
  return { coverage: stamps + divides, pattern, energy, even, flat: strength === 0 };
}

/**
 * A map of numbers as SVG, its middle row or its one-dimensional counts below it as bars. Few elements, so that a slider moves it
 * smoothly: one path per shade, and per row one text whose characters are placed one by one.
 */
function mapPicture(values, bars, [first, side], row) {
  const n = values.length;
  const [cell, gutter, room, shades] = [20, 12, 86, 32];
  const peak = Math.max(...values.flat().map(Math.abs), 1e-9);
  const parts = [];
  const squares = {}; // by sign and shade
  values.forEach((line, r) =>
    line.forEach((v, c) => {
      const key = `${v < 0 ? "negative" : "positive"} ${Math.round((shades * Math.abs(v)) / peak)}`;
      (squares[key] ??= []).push(`M${gutter + c * cell} ${r * cell}h${cell}v${cell}h-${cell}z`);
    }),
  );
  for (const [key, path] of Object.entries(squares)) {
    const [sign, shade] = key.split(" ");
    parts.push(`<path class="cw-${sign}" fill-opacity="${((0.8 * shade) / shades).toFixed(3)}" d="${path.join("")}"/>`);
  }
  const labels = values.map((line) => line.map((v) => format(v)));
  if (labels.flat().every((label) => label.length <= 2))
    labels.forEach((line, r) => {
      const places = line.flatMap((label, c) => [...label].map((_, i) => gutter + c * cell + 10 + 6.4 * (i - (label.length - 1) / 2)));
      parts.push(`<text x="${places.join(" ")}" y="${r * cell + 14}">${line.join("")}</text>`);
    });
  const lines = range(n + 1).map((i) => `M${gutter} ${i * cell}h${n * cell}M${gutter + i * cell} 0v${n * cell}`);
  parts.push(`<path class="cw-lines" d="${lines.join("")}"/>`);
  parts.push(`<rect class="cw-window" x="${gutter + first * cell}" y="${first * cell}" width="${side * cell}" height="${side * cell}"/>`);
  if (row >= 0) parts.push(`<path class="cw-marker" d="M1 ${row * cell + 5}l8 5l-8 5z"/>`);
  const high = Math.max(...bars, 0);
  const low = Math.min(...bars, 0);
  const unit = 54 / Math.max(high - low, 1e-9);
  const base = n * cell + 24 + high * unit;
  const labelled = bars.every((v) => format(v, 1).length <= 4);
  bars.forEach((v, c) => {
    const [x, top] = [gutter + c * cell, base - Math.max(v, 0) * unit];
    const height = Math.max(Math.abs(v) * unit, 0.01);
    parts.push(`<rect class="cw-bar-${v < 0 ? "negative" : "positive"}" x="${x + 2}" y="${top}" width="${cell - 4}" height="${height}"/>`);
    if (labelled)
      parts.push(`<text class="cw-small" x="${x + cell / 2}" y="${v < 0 ? base + height + 8.5 : top - 3}">${format(v, 1)}</text>`);
  });
  parts.push(`<path class="cw-axis" d="M${gutter} ${base}h${n * cell}"/>`);
  return { viewBox: `0 0 ${gutter + n * cell + 1} ${n * cell + room}`, content: parts.join("") };
}

export function render({ model, el }) {
  const root = card(el, "Checkerboard explorer");
  const sliders = [["kernel", "kernel", 1, 8], ["stride", "stride", 1, 4], ["padding", "padding", 0, 3]].map((s) => slider(model, ...s));
  const kinds = options(model, "values", "kernel values", [["uniform", "uniform"], ["bilinear", "bilinear"], ["random", "random"]]);
  const another = button("Another random kernel", () =>
    update(model, model.get("values") === "random" ? { seed: (model.get("seed") + 1) % 1000 } : { values: "random" }),
  );
  const signals = options(model, "signal", "input", [["flat", "flat (all 1)"], ["hill", "smooth hill"]]);
  const kernel = numberGrid();
  const phases = numberGrid();
  const pictures = ["counts", "response"].map((name) => {
    const caption = h("figcaption");
    const hint = h("span", { class: "cw-hint" });
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("role", "img");
    svg.setAttribute("class", "cw-map");
    return { caption, hint, svg, node: h("figure", { class: "cw-figure cw-wide", "data-map": name }, caption, svg, hint) };
  });
  const words = { coverage: h("p"), pattern: h("p"), energy: h("p") };
  root.append(
    h("div", { class: "cw-controls" }, ...sliders),
    h("div", { class: "cw-bar" }, kinds, another),
    h("div", { class: "cw-bar" }, signals),
    h("div", { class: "cw-verdict", "aria-live": "polite" }, ...Object.values(words)),
    h("div", { class: "cw-figures cw-top" }, h("div", { class: "cw-stack" }, kernel, phases), ...pictures.map(({ node }) => node)),
  );

  function draw() {
    const P = Object.fromEntries(["kernel", "stride", "padding", "values", "seed", "signal"].map((name) => [name, model.get(name)]));
    [...sliders, kinds, signals].forEach((control) => control.refresh());
    const w = kernelValues(P);
    const sums = phaseSums(P, w);
    const out = response(P, undefined, w);
    const found = verdict(P, out);
    Object.keys(words).forEach((key) => (words[key].textContent = found[key]));
    words.coverage.className = found.even ? "cw-even" : "cw-uneven";
    words.pattern.className = found.flat ? "cw-even" : "cw-uneven";
    const tinted = (values, tags) => {
      const peak = Math.max(...values.flat().map(Math.abs), 1e-9);
      return (r, c) => ({
        text: format(values[r][c]), tag: tags(r, c), tint: (70 * Math.abs(values[r][c])) / peak,
        kind: values[r][c] < 0 ? "cw-minus" : "cw-plus",
      });
    };
    const letter = (r, c) => (P.stride === 1 ? "" : LETTERS[(r % P.stride) * P.stride + (c % P.stride)]);
    kernel.refresh({ caption: `kernel, ${P.kernel}×${P.kernel}`, rows: P.kernel, cols: P.kernel, cell: tinted(w, letter) });
    phases.refresh({ caption: `phase sums, ${P.stride}×${P.stride}`, rows: P.stride, cols: P.stride, cell: tinted(sums, letter) });

    const along = coverage(P);
    const inside = interior(P);
    const row = markedRow(P, out);
    const o = outputSize(P);
    const drawn = [mapPicture(square(o, (r, c) => along[r] * along[c]), along, inside, -1), mapPicture(out, out[row], inside, row)];
    const captions = [`stamps per pixel, ${o}×${o}`, `output, ${o}×${o}`];
    const signs = out.flat().some((v) => v < 0) ? " Blue is above 0, orange below." : "";
    pictures.forEach(({ caption, hint, svg, node }, index) => {
      caption.textContent = captions[index];
      hint.textContent = index ? `Bars: the marked row.${signs}` : "Bars: stamps along one axis.";
      svg.setAttribute("viewBox", drawn[index].viewBox);
      svg.setAttribute("aria-label", index ? `${found.pattern} ${found.energy}` : found.coverage);
      svg.innerHTML = drawn[index].content;
      node.style.setProperty("--units", o * 20 + 13);
    });
    root.dataset.output = o;
  }

  return drawOnChange(model, ["kernel", "stride", "padding", "values", "seed", "signal"], draw);
}

export default { render };
