// Which sizes fit a U-Net, and what do the skips see? P = { net, height, width, depth, skips: on or off, the uppermost first }.
// All of it along one side at a time. The same arithmetic in Python: size_tracer.py.

const LARGEST = 2048; // px along a side
const NETS = { valid: { lost: 4, inputs: 1 }, padded: { lost: 0, inputs: 3 } }; // pixels lost by two 3×3 convolutions; channels of the picture
const [WIDTH, CLASSES] = [64, 2];
const levelsOf = (P) => Array.from({ length: P.depth }, (_, level) => level);
export const channels = (level) => WIDTH * 2 ** level;

/** Sides of the maps for an input side n: down[level], the lowest last, and up[level], each { before, after } the two convolutions. */
export function trace(P, n) {
  const { lost } = NETS[P.net];
  const down = [];
  for (let [level, side] = [0, n]; level <= P.depth; level++) {
    down.push({ before: side, after: side - lost });
    side = Math.floor((side - lost) / 2);
  }
  const up = [];
  for (let [level, side] = [P.depth - 1, down[P.depth].after]; level >= 0; level--) {
    up[level] = { before: 2 * side, after: 2 * side - lost, over: down[level].after - 2 * side }; // over: how much larger the skip is
    side = up[level].after;
  }
  return { down, up, out: up[0].after };
}

/** The first thing that goes wrong: null, or { kind, level, and numbers }. */
export function problem(P, n) {
  const { down, up, out } = trace(P, n);
  for (const [level, { before, after }] of down.entries()) {
    if (before < 1 || after < 1) return { kind: "small", level, side: before };
    if (P.net === "valid" && level < P.depth && after % 2) return { kind: "odd", level, side: after };
  }
  for (const level of levelsOf(P).reverse()) {
    if (up[level].after < 1) return { kind: "small", level, side: up[level].before };
    if (P.net === "padded" && P.skips[level] && up[level].over) return { kind: "clash", level, side: down[level].after, other: up[level].before };
  }
  return P.net === "padded" && out !== n ? { kind: "short", level: 0, side: n, other: out } : null;
}

export const fits = (P, n) => problem({ ...P, skips: levelsOf(P).map(() => true) }, n) === null;

/** [the largest side up to n that fits or null, the smallest from n on]. */
export function nearest(P, n) {
  let [below, above] = [n, n];
  while (below > 0 && !fits(P, below)) below--;
  while (!fits(P, above)) above++;
  return [below || null, above];
}

/** Parameters of the net with these skips. A decoder block without its skip has half the inputs. */
export function parameters(P) {
  const extra = P.net === "valid" ? 1 : 2; // a channel's bias, or its batch normalization
  const double = (inputs, outputs) => 9 * inputs * outputs + 9 * outputs ** 2 + 2 * extra * outputs;
  let total = WIDTH * CLASSES + CLASSES;
  for (let level = 0; level <= P.depth; level++) total += double(level ? channels(level - 1) : NETS[P.net].inputs, channels(level));
  for (const level of levelsOf(P)) {
    const c = channels(level);
    total += 4 * 2 * c * c + c + double(P.skips[level] ? 2 * c : c, c);
  }
  return total;
}

const times = (height, width) => `${height}×${width}`;

/** Does the size fit, what is the rule, what do the skips do; the fourth is true if it fits. */
export function verdict(P) {
  const [tall, wide] = [P.height, P.width].map((n) => trace(P, n));
  const size = times(P.height, P.width);
  const found = [["high", problem(P, P.height)], ["wide", problem(P, P.width)]].find(([, wrong]) => wrong);
  const less = (P.height - tall.out) / 2;
  const good = P.net === "valid" ? `every map that is pooled has even sides. Output ${times(tall.out, wide.out)}, ${less} pixels less on each side.` : "every pooling halves even sides. The output has the size of the input.";
  let first = `${size} fits: ${good}`;
  if (found) {
    const [word, { kind, level, side, other }] = found;
    const place = `on level ${level + 1}`;
    first = {
      small: `${size} is too small: ${place} a map ${Math.max(side, 0)} pixels ${word} leaves nothing.`,
      odd: `${size} does not fit: ${place} the map is ${side} pixels ${word}, an odd number, so 2×2 pooling leaves a line out and the crop has no middle.`,
      clash: `${size} breaks: ${place} the skip is ${side} pixels ${word}, the upsampled map ${other}, so they cannot be concatenated.`,
      short: `${size} gives an output only ${other} pixels ${word}: pooling dropped lines, and no skip that is on noticed.`,
    }[kind];
  }
  const [step, least] = [2 ** P.depth, nearest(P, 1)[1]];
  const rule = P.net === "valid" ? `n = ${least % step} mod ${step}, n at least ${least}` : `n a multiple of ${step}`;
  const near = [["height", P.height], ["width", P.width]].map(([name, n]) => `${name} ${fits(P, n) ? n : nearest(P, n).filter(Boolean).join(" or ")}`);
  const repair = P.net === "padded" && found && Math.min(P.height, P.width) > step / 2
    ? ` The course's UNet pads the picture to ${times(nearest(P, P.height)[1], nearest(P, P.width)[1])} and crops the logits.` : "";
  const off = levelsOf(P).filter((level) => !P.skips[level]).map((level) => level + 1);
  const finest = P.skips.slice(0, P.depth).indexOf(true);
  const state = off.length ? `Skips off: ${off.join(", ")}.` : "All skips are on.";
  const detail = finest === 0 ? "Full-resolution features reach the last block." : finest > 0
    ? `The finest features that reach the decoder by a skip are at 1/${2 ** finest} of the resolution.` : `Everything passes the lowest map, at 1/${step} of the resolution.`;
  return [first, `Rule: ${rule}. Nearest that fit: ${near.join(", ")}.${repair}`, `${state} ${detail} ${parameters(P).toLocaleString("en-US")} parameters.`, !found];
}

/** A number to type. */
function typed(model, name, label) {
  const input = h("input", { type: "number", min: 1, max: LARGEST, step: 1, "data-trait": name, "aria-label": `${label} in pixels` });
  input.addEventListener("input", () => {
    const value = Number(input.value);
    if (Number.isInteger(value) && value >= 1 && value <= LARGEST) update(model, { [name]: value });
  });
  const node = h("label", { class: "cw-sz-typed" }, h("span", {}, label), input);
  node.refresh = () => {
    if (Number(input.value) !== model.get(name)) input.value = model.get(name);
  };
  return node;
}

/** The skip's map and, dashed, what is cropped from its middle, both sides to scale. */
function cropPicture([tall, wide], [inner, innerWide]) {
  const unit = 40 / Math.max(tall, wide);
  const box = (height, width, name) => `<rect class="${name}" x="${22 - (width * unit) / 2}" y="${22 - (height * unit) / 2}" width="${width * unit}" height="${height * unit}"/>`;
  return box(tall, wide, "cw-sz-whole") + box(inner, innerWide, "cw-sz-crop");
}

export function render({ model, el }) {
  const root = card(el, "Size tracer");
  root.classList.add("cw-sizes");
  const net = options(model, "net", "net", [["valid", "unpadded (the paper's)"], ["padded", "padded"]]);
  const sides = [typed(model, "height", "height"), typed(model, "width", "width")];
  const depth = slider(model, "depth", "poolings", 1, 5);
  /** To the next size that fits: the sides that do not fit now, or both if they do. */
  function jump(larger) {
    const P = state();
    const names = ["height", "width"];
    const loose = names.filter((name) => !fits(P, P[name]));
    const next = (n) => nearest(P, fits(P, n) ? n + (larger ? 1 : -1) : n)[larger ? 1 : 0];
    const found = (loose.length ? loose : names).map((name) => [name, next(P[name])]);
    update(model, Object.fromEntries(found.filter(([, n]) => n && n <= LARGEST)));
  }
  const buttons = [button("next smaller that fits", () => jump(false)), button("next larger that fits", () => jump(true))];
  const words = [h("p"), h("p"), h("p")];
  const map = () => ({ sizes: h("b"), line: h("span"), node: h("div", { class: "cw-sz-map" }) });
  const rows = Array.from({ length: 6 }, (_, level) => {
    const [left, right] = [map(), map()];
    for (const each of [left, right]) each.node.append(each.sizes, each.line);
    const box = h("input", { type: "checkbox", "aria-label": `skip of level ${level + 1}` });
    box.addEventListener("change", () => update(model, { skips: model.get("skips").with(level, box.checked) }));
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("viewBox", "0 0 44 44");
    svg.setAttribute("aria-hidden", "true");
    const text = h("span", { class: "cw-sz-text" });
    const skip = h("label", { class: "cw-sz-skip" }, box, svg, text);
    const between = h("div", { class: "cw-sz-between", style: `--level: ${level}`, "aria-hidden": true }, h("span", {}, "↓ 2×2 max pooling"), h("span", {}, "2×2 up-convolution ↑"));
    const node = h("div", { class: "cw-sz-row", style: `--level: ${level}` }, left.node, skip, right.node);
    return { left, right, box, svg, text, skip, between, node };
  });
  const u = h("div", { class: "cw-sz-u" }, ...rows.flatMap(({ node, between }) => [node, between]));
  root.append(
    h("div", { class: "cw-bar cw-first" }, net), h("div", { class: "cw-bar" }, ...sides, h("div", { class: "cw-sz-depth" }, depth), h("span", { class: "cw-buttons" }, ...buttons)),
    h("div", { class: "cw-verdict", "aria-live": "polite" }, ...words), u,
    h("p", { class: "cw-hint" }, "Each box: height×width before → after its two 3×3 convolutions. In the middle the skip connections: take one out."),
  );
  const state = () => Object.fromEntries(["net", "height", "width", "depth", "skips"].map((name) => [name, model.get(name)]));

  function draw() {
    const P = state();
    [net, ...sides, depth].forEach((control) => control.refresh());
    const said = verdict(P);
    words.forEach((node, k) => (node.textContent = said[k]));
    words[0].className = said[3] ? "cw-even" : "cw-uneven";
    const traced = [P.height, P.width].map((n) => trace(P, n));
    const wrong = [P.height, P.width].map((n) => problem(P, n)).filter(Boolean);
    const bad = (level, arm) => wrong.some((each) => each.level === level && (arm === "up") === ["clash", "short"].includes(each.kind));
    const size = (arm, level, when) => (traced.every((one) => one[arm][level][when] > 0) ? times(...traced.map((one) => one[arm][level][when])) : "nothing");
    const fill = ({ sizes, line, node }, arm, level, text) => {
      const [before, after] = ["before", "after"].map((when) => size(arm, level, when));
      sizes.textContent = before === after ? before : `${before} → ${after}`;
      line.textContent = text;
      const broken = bad(level, arm);
      node.classList.toggle("cw-sz-bad", broken);
      if (broken) line.textContent = `✗ ${text}`;
    };
    rows.forEach(({ left, right, box, svg, text, skip, between, node }, level) => {
      node.hidden = level > P.depth;
      between.hidden = level >= P.depth;
      if (node.hidden) return;
      const lowest = level === P.depth;
      node.classList.toggle("cw-sz-lowest", lowest);
      right.node.hidden = skip.hidden = lowest;
      fill(left, "down", level, `${level ? channels(level - 1) : NETS[P.net].inputs} → ${channels(level)} channels`);
      if (lowest) return;
      const on = P.skips[level];
      box.checked = on;
      fill(right, "up", level, `${on ? 2 * channels(level) : channels(level)} → ${channels(level)} channels`);
      const [maps, ups] = [traced.map((one) => one.down[level].after), traced.map((one) => one.up[level].before)];
      const drawn = on && P.net === "valid" && Math.min(...ups) > 0;
      svg.toggleAttribute("hidden", P.net === "padded");
      svg.innerHTML = drawn ? cropPicture(maps, ups) : "";
      const over = maps.map((side, axis) => (side - ups[axis]) / 2);
      const crop = [...new Set(over)].map((each) => format(each, 1)).join(" and ");
      text.textContent = !on ? "off" : P.net === "padded" ? "as it is" : Math.min(...ups) > 0 ? `crop ${crop} px a side` : "nothing to join";
      skip.classList.toggle("cw-sz-off", !on);
    });
    root.dataset.fits = said[3];
  }

  return drawOnChange(model, ["net", "height", "width", "depth", "skips"], draw);
}

export default { render };
