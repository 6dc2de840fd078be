// Transposed convolution of one square channel, one stamp at a time. P holds the six numbers of the layer:
// { size, kernel, stride, padding, output_padding, dilation }. The same arithmetic in Python: deconvolution_stepper.py.

const SLIDERS = [
  ["size", "input size", 1, 4],
  ["kernel", "kernel", 1, 5],
  ["stride", "stride", 1, 4],
  ["padding", "padding", 0, 3],
  ["output_padding", "output padding", 0, 3],
  ["dilation", "dilation", 1, 3],
];
const LETTERS = "abcdefghijklmnopqrstuvwxyz";
const grid = (rows, cols, value) => Array.from({ length: rows }, (_, r) => Array.from({ length: cols }, (_, c) => value(r, c)));

export const defaultInput = (n) => grid(n, n, (i, j) => i * n + j + 1);
export const defaultWeight = (k) => grid(k, k, (a, b) => 1 + ((2 * a + b) % 3)); // small, and not the same when flipped

export function outputSize(P) {
  return (P.size - 1) * P.stride - 2 * P.padding + P.dilation * (P.kernel - 1) + P.output_padding + 1;
}

export function formula(P) {
  const numbers = `(${P.size} − 1)·${P.stride} − 2·${P.padding} + ${P.dilation}·(${P.kernel} − 1) + ${P.output_padding} + 1`;
  return `${numbers} = ${format(outputSize(P))}`;
}

/** Why PyTorch refuses this layer, in one sentence; "" if it accepts it. */
export function problem(P) {
  const limit = Math.max(P.stride, P.dilation);
  if (P.output_padding >= limit)
    return `Output padding ${P.output_padding} is too large: it must be smaller than the stride or the dilation, so at most ${limit - 1} here.`;
  const o = format(outputSize(P));
  if (outputSize(P) < 1) return `Padding ${P.padding} cuts away everything: the output would be ${o}×${o}.`;
  return "";
}

/** Output before padding cuts it, after the first `stamps` input cells: each adds its multiple of the kernel. */
export function stamped(x, w, P, stamps = P.size ** 2) {
  const side = Math.max(outputSize(P) + P.padding, (P.size - 1) * P.stride + P.dilation * (P.kernel - 1) + 1);
  const full = grid(side, side, () => 0);
  for (let t = 0; t < stamps; t++) {
    const [i, j] = [Math.floor(t / P.size), t % P.size];
    for (let a = 0; a < P.kernel; a++)
      for (let b = 0; b < P.kernel; b++) full[i * P.stride + a * P.dilation][j * P.stride + b * P.dilation] += x[i][j] * w[a][b];
  }
  return full;
}

export function output(x, w, P, stamps) {
  const [low, high] = [P.padding, P.padding + outputSize(P)];
  return stamped(x, w, P, stamps).slice(low, high).map((row) => row.slice(low, high));
}

/** The input with stride - 1 zeros between its cells and a border, so that a stride-1 convolution gives the output. */
export function zeroInserted(x, P) {
  const border = P.dilation * (P.kernel - 1) - P.padding; // negative: the border is cut instead
  const side = outputSize(P) + P.dilation * (P.kernel - 1);
  const source = (t) => ((t - border) % P.stride === 0 ? (t - border) / P.stride : -1);
  const real = (t) => source(t) >= 0 && source(t) < P.size;
  return grid(side, side, (r, c) => (real(r) && real(c) ? { value: x[source(r)][source(c)], from: [source(r), source(c)] } : { value: 0 }));
}

/** Ordinary stride-1 convolution (as in PyTorch: no flip) of z with the flipped kernel. */
export function convolveFlipped(z, w, P) {
  const last = P.kernel - 1;
  return grid(outputSize(P), outputSize(P), (r, c) => {
    let sum = 0;
    for (let m = 0; m <= last; m++)
      for (let n = 0; n <= last; n++) sum += z[r + m * P.dilation][c + n * P.dilation].value * w[last - m][last - n];
    return sum;
  });
}

/** Which products make output[r][c]: the list of { input: [i, j], kernel: [a, b] }, in input order. */
export function contributions(P, r, c) {
  const along = (o) => {
    const pairs = [];
    for (let i = 0; i < P.size; i++) {
      const tap = (o + P.padding - i * P.stride) / P.dilation;
      if (Number.isInteger(tap) && tap >= 0 && tap < P.kernel) pairs.push([i, tap]);
    }
    return pairs;
  };
  return along(r).flatMap(([i, a]) => along(c).map(([j, b]) => ({ input: [i, j], kernel: [a, b] })));
}

/** The output row where most stamps meet, the middle one of equals: the cell shown first. */
export function busiest(P) {
  const middle = (outputSize(P) - 1) / 2;
  const meets = (o) => Math.sqrt(contributions(P, o, o).length);
  const rank = (o) => meets(o) * 1000 - Math.abs(o - middle);
  let best = 0;
  for (let o = 1; o < outputSize(P); o++) if (rank(o) > rank(best)) best = o;
  return best;
}

const factor = (v) => (v < 0 ? `(${format(v)})` : format(v));
const product = (v, w) => `${factor(v)}·${factor(w)}`;

export function equation(x, w, P, r, c, stamps = P.size ** 2) {
  const parts = contributions(P, r, c).filter(({ input: [i, j] }) => i * P.size + j < stamps);
  const terms = parts.map(({ input: [i, j], kernel: [a, b] }) => product(x[i][j], w[a][b]));
  return `output[${r}, ${c}] = ${terms.length ? `${terms.join(" + ")} = ` : ""}${format(output(x, w, P, stamps)[r][c])}`;
}

export function render({ model, el }) {
  const root = card(el, "Deconvolution stepper");
  const sliders = SLIDERS.map((spec) => slider(model, ...spec));
  const view = options(model, "view", "view", [["stamps", "stamps"], ["zeros", "zero insertion"]]);
  const buttons = [button("Reset", () => go(0)), button("Back", () => go(now.position - 1)), button("Step", () => go(now.position < now.last ? now.position + 1 : 1))];
  const play = button("Play", () => (timer ? pause() : start()));
  const progress = h("span", { class: "cw-progress" });
  const rule = h("p", { class: "cw-formula" });
  const message = h("p", { class: "cw-message", role: "alert" });
  const say = h("p", { class: "cw-say" });
  const sum = h("p", { class: "cw-sum" });
  const live = h("div", { "aria-live": "polite" }, say, sum);
  const source = numberGrid();
  const weight = numberGrid();
  const result = numberGrid({
    pick: (r, c) => update(model, { selected: [r, c] }),
    move: (dr, dc) => {
      const inside = (v) => Math.min(Math.max(v, 0), now.o - 1);
      update(model, { selected: [inside(now.chosen[0] + dr), inside(now.chosen[1] + dc)] });
    },
    hover: (at) => {
      if (String(at) === String(hovered)) return;
      hovered = at;
      draw();
    },
  });
  const join = h("span", { class: "cw-join", "aria-hidden": true });
  const equals = h("span", { class: "cw-join", "aria-hidden": true }, "=");
  const figures = h("div", { class: "cw-figures" }, source, join, weight, equals, result);
  root.append(
    h("div", { class: "cw-controls" }, ...sliders),
    h("div", { class: "cw-bar" }, view, h("span", { class: "cw-buttons" }, ...buttons, play), progress),
    rule, message, figures, live,
  );
  let hovered = null;
  let timer = null;
  let now = {}; // what is on the screen: P, o, chosen, position, last

  /** Show stamp number t (stamps) or window number t (zero insertion). */
  function go(t, save = true) {
    const to = Math.min(Math.max(t, model.get("view") === "zeros" ? 1 : 0), now.last);
    if (model.get("view") === "zeros") model.set("selected", [Math.floor((to - 1) / now.o), (to - 1) % now.o]);
    else model.set("step", to);
    if (save) model.save_changes();
  }

  function start() {
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return go(now.last); // the end at once, nothing moves by itself
    if (now.position >= now.last) go(0, false);
    live.setAttribute("aria-live", "off"); // a running commentary would never be heard to its end
    play.textContent = "Pause";
    timer = setInterval(() => {
      go(now.position + 1, false); // the kernel hears of it when the playing ends
      if (now.position + 1 >= now.last) pause();
    }, 700);
  }

  function pause() {
    clearInterval(timer);
    timer = null;
    play.textContent = "Play";
    live.setAttribute("aria-live", "polite");
    model.save_changes();
  }

  function draw() {
    const P = Object.fromEntries(SLIDERS.map(([name]) => [name, model.get(name)]));
    const x = model.get("x").length === P.size ? model.get("x") : defaultInput(P.size);
    const w = model.get("weight").length === P.kernel ? model.get("weight") : defaultWeight(P.kernel);
    const zeros = model.get("view") === "zeros";
    const bad = problem(P);
    [...sliders, view].forEach((control) => control.refresh());
    rule.replaceChildren(
      h("span", {}, "output = (input − 1)·stride − 2·padding + dilation·(kernel − 1) + output padding + 1"),
      h("strong", {}, `= ${formula(P)}`),
    );
    message.textContent = bad && `${bad} PyTorch refuses this layer.`;
    message.hidden = !bad;
    [result, join, equals, live, progress].forEach((node) => (node.hidden = Boolean(bad)));
    [...buttons, play].forEach((node) => (node.disabled = Boolean(bad)));
    root.dataset.output = bad ? "invalid" : outputSize(P);
    join.textContent = zeros ? "∗" : "stamps";
    if (bad && timer) pause();

    const o = outputSize(P);
    const pinned = model.get("selected");
    const valid = (at) => at && at[0] < o && at[1] < o;
    const chosen = bad ? [-1, -1] : valid(hovered) ? hovered : valid(pinned) ? pinned : [busiest(P), busiest(P)];
    const stamps = Math.min(model.get("step") ?? P.size ** 2, P.size ** 2);
    now = { o, chosen, position: zeros ? chosen[0] * o + chosen[1] + 1 : stamps, last: zeros ? o * o : P.size ** 2 };
    progress.textContent = `${zeros ? "window" : "stamp"} ${now.position} of ${now.last}`;
    const parts = bad ? [] : contributions(P, ...chosen);
    const letter = (key, r, c) => LETTERS[parts.findIndex((part) => part[key][0] === r && part[key][1] === c)] ?? "";
    const marked = (tag) => (tag ? "cw-part" : "");
    const [ci, cj] = zeros || stamps === 0 || bad ? [-1, -1] : [Math.floor((stamps - 1) / P.size), (stamps - 1) % P.size];

    const last = P.kernel - 1;
    const under = (t, start) => (t - start) % P.dilation === 0 && t >= start && t <= start + last * P.dilation; // met by a kernel tap
    if (zeros && !bad) {
      const z = zeroInserted(x, P);
      const covered = (r, c) => under(r, chosen[0]) && under(c, chosen[1]);
      source.refresh({
        caption: `input with zeros inserted, ${z.length}×${z.length}`, rows: z.length, cols: z.length,
        cell: (r, c) => {
          const { value, from } = z[r][c];
          const tag = from && covered(r, c) ? letter("input", ...from) : "";
          return { text: format(value), tag, kind: `${from ? "cw-real" : "cw-zero"} ${covered(r, c) ? "cw-now" : ""} ${marked(tag)}` };
        },
      });
    } else {
      source.refresh({
        caption: `input, ${P.size}×${P.size}`, rows: P.size, cols: P.size,
        cell: (r, c) => {
          const tag = letter("input", r, c);
          return { text: format(x[r][c]), tag, kind: `${r === ci && c === cj ? "cw-now" : ""} ${marked(tag)}` };
        },
      });
    }
    const flip = (a) => (zeros && !bad ? last - a : a);
    weight.refresh({
      caption: `${zeros && !bad ? "flipped " : ""}kernel, ${P.kernel}×${P.kernel}`, rows: P.kernel, cols: P.kernel,
      cell: (a, b) => {
        const tag = letter("kernel", flip(a), flip(b));
        return { text: format(w[flip(a)][flip(b)]), tag, kind: marked(tag) };
      },
    });
    if (bad) return;

    const full = stamped(x, w, P, zeros ? undefined : stamps);
    result.refresh({
      caption: `output, ${o}×${o}`, hint: "Choose a cell to see its sum.", rows: full.length, cols: full.length,
      cell: (r, c) => {
        const [row, col] = [r - P.padding, c - P.padding];
        const kept = row >= 0 && col >= 0 && row < o && col < o;
        const hit = ci >= 0 && under(r, ci * P.stride) && under(c, cj * P.stride);
        const selected = row === chosen[0] && col === chosen[1];
        return { at: [row, col], text: format(full[r][c]), kind: `${kept ? "" : "cw-cut"} ${hit ? "cw-now" : ""}`, selected };
      },
    });

    if (zeros) say.textContent = `The ${P.kernel ** 2} kernel cells meet ${parts.length} input values and ${P.kernel ** 2 - parts.length} zeros.`;
    else if (stamps === 0) say.textContent = "No stamp yet: every output cell is 0.";
    else {
      const corner = `output[${format(ci * P.stride - P.padding)}, ${format(cj * P.stride - P.padding)}]`;
      say.textContent = `input[${ci}, ${cj}] = ${format(x[ci][cj])} adds ${format(x[ci][cj])} × kernel, its corner at ${corner}.`;
    }
    const terms = parts.flatMap(({ input: [i, j], kernel: [a, b] }, index) => {
      const pending = !zeros && i * P.size + j >= stamps;
      const tag = h("i", { "aria-hidden": true }, LETTERS[index]);
      return [index ? " + " : "", h("span", { class: pending ? "cw-term cw-pending" : "cw-term" }, tag, product(x[i][j], w[a][b]))];
    });
    const total = format(full[chosen[0] + P.padding][chosen[1] + P.padding]);
    const partial = !zeros && parts.some(({ input: [i, j] }) => i * P.size + j >= stamps);
    sum.replaceChildren(`output[${chosen}] = `.replace(",", ", "), ...terms, terms.length ? " = " : "", h("strong", {}, total), partial ? " so far" : "");
    if (!terms.length) sum.append(" (no stamp reaches it)");
  }

  const names = [...SLIDERS.map(([name]) => name), "x", "weight", "step", "selected", "view"];
  const stop = drawOnChange(model, names, draw);
  return () => (clearInterval(timer), stop());
}

export default { render };
