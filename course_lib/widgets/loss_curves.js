// Which pixels does a loss listen to? P = { loss, gamma, alpha, beta, smooth, foreground: share of PIXELS, pf, pb: probability of the true
// class on every foreground pixel, on every background pixel }. The same arithmetic in Python: loss_curves.py.

export const PIXELS = 10000;
export const LOSSES = ["cross-entropy", "focal", "Dice", "Tversky"];
const COUNTS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000];
const [RIGHT, WRONG] = [0.99, 0.01];

/** Is the loss a ratio of sums over all pixels, rather than a mean over pixels? */
export const ofSets = (P) => P.loss === "Dice" || P.loss === "Tversky";
const gammaOf = (P) => (P.loss === "focal" ? P.gamma : 0);
export const foregroundPixels = (P) => Math.max(1, Math.round(P.foreground * PIXELS));

/** Loss of a pixel with probability p of its true class, and how steep it is in the pixel's logit (magnitude). */
export const pixelLoss = (gamma, p) => -((1 - p) ** gamma) * Math.log(p);
export const pixelSlope = (gamma, p) => (1 - p) ** gamma * (1 - p - gamma * p * Math.log(p));

/** TP, and the Tversky denominator without it; `hits` and `alarms` are sums of probabilities. Dice is Tversky with halves. */
function overlap(P, hits, alarms) {
  const [a, b, s] = P.loss === "Dice" ? [0.5, 0.5, P.smooth / 2] : [P.alpha, P.beta, P.smooth];
  return { a, b, top: hits + s, whole: hits + a * alarms + b * (foregroundPixels(P) - hits) + s };
}

/** The loss when the foreground's probabilities add up to `hits`, and those of the background for foreground to `alarms`. */
function setLoss(P, hits, alarms) {
  const { top, whole } = overlap(P, hits, alarms);
  return 1 - top / whole;
}

/** How steep a loss of sets is in the probability of one foreground pixel, of one background pixel (magnitudes). */
function setSlopes(P) {
  const n = foregroundPixels(P);
  const { a, b, top, whole } = overlap(P, n * P.pf, (PIXELS - n) * (1 - P.pb));
  return [(whole - top * (1 - b)) / whole ** 2, (a * top) / whole ** 2];
}

/** The loss of the whole picture, with foreground at pf and background at pb. */
export function loss(P, pf = P.pf, pb = P.pb) {
  const n = foregroundPixels(P);
  if (ofSets(P)) return setLoss(P, n * pf, (PIXELS - n) * (1 - pb));
  return (n * pixelLoss(gammaOf(P), pf) + (PIXELS - n) * pixelLoss(gammaOf(P), pb)) / PIXELS;
}

/** PIXELS times the magnitude of d loss / d logit of one foreground and one background pixel that has probability p, the others staying. */
export function slopes(P, p) {
  if (!ofSets(P)) return [pixelSlope(gammaOf(P), p), pixelSlope(gammaOf(P), p)];
  return setSlopes(P).map((slope) => PIXELS * slope * p * (1 - p));
}

/** The gradient of all foreground and of all background pixels: sums of magnitudes, by logit. */
export function gradients(P) {
  const n = foregroundPixels(P);
  return [(n * slopes(P, P.pf)[0]) / PIXELS, ((PIXELS - n) * slopes(P, P.pb)[1]) / PIXELS];
}

/** Change of the loss, times PIXELS, if one foreground pixel becomes right (0.99), if one background pixel becomes wrong (0.01). */
export function steps(P) {
  const n = foregroundPixels(P);
  if (!ofSets(P)) return [pixelLoss(gammaOf(P), RIGHT) - pixelLoss(gammaOf(P), P.pf), pixelLoss(gammaOf(P), WRONG) - pixelLoss(gammaOf(P), P.pb)];
  const [hits, alarms] = [n * P.pf, (PIXELS - n) * (1 - P.pb)];
  const now = setLoss(P, hits, alarms);
  return [setLoss(P, hits + RIGHT - P.pf, alarms) - now, setLoss(P, hits, alarms + P.pb - WRONG) - now].map((step) => PIXELS * step);
}

/** What the loss is, who gets the gradient, what one pixel changes. */
export function verdict(P) {
  const n = foregroundPixels(P);
  const plus = P.smooth ? ` + ${P.smooth}` : "";
  const top = (hits) => (P.smooth ? `(${hits}${plus})` : hits);
  const formulas = {
    "cross-entropy": "Cross-entropy: −log p of each pixel, p = probability of its true class; the mean over the pixels.",
    focal: `Focal loss: −(1 − p)^${format(P.gamma)} · log p of each pixel, p = probability of its true class; the mean over the pixels.`,
    Dice: `Dice loss: 1 − ${top("2 TP")} / (2 TP + FP + FN${plus}), with probabilities in the place of a mask.`,
    Tversky: `Tversky loss: 1 − ${top("TP")} / (TP + ${format(P.alpha)} FP + ${format(P.beta)} FN${plus}), with probabilities in the place of a mask.`,
  };
  const [front, back] = gradients(P);
  const share = format((100 * front) / (front + back), 1);
  const against = back ? `foreground : background = ${format(front / back, 4)}` : "the background gets none";
  const [hit, alarm] = steps(P).map((step) => format(Math.abs(step), 3));
  return [
    formulas[P.loss],
    `Foreground: ${n} of ${PIXELS} pixels (${format((100 * n) / PIXELS)} %), ${share} % of the gradient; ${against}.`,
    `One foreground pixel put right (p = 0.99): the loss falls by ${hit} / ${PIXELS}. One background pixel gone wrong (p = 0.01): it rises by ${alarm} / ${PIXELS}.`,
  ];
}

export const AXIS = Array.from({ length: 99 }, (_, k) => (k + 1) / 100);

/** The curves of both charts over AXIS, [name, values], and the marked [x, y] of foreground and background. */
export function curves(P) {
  const of = (by) => AXIS.map(by);
  const reference = P.loss === "cross-entropy" ? [] : [["cross-entropy", of((p) => pixelSlope(0, p))]];
  const at = (by) => [[P.pf, by(P.pf, 0)], [P.pb, by(P.pb, 1)]];
  if (ofSets(P))
    return {
      loss: [["foreground", of((p) => loss(P, p, P.pb))], ["background", of((p) => loss(P, P.pf, p))]],
      slope: [...[0, 1].map((k) => [["foreground", "background"][k], of((p) => slopes(P, p)[k])]), ...reference],
      marks: { loss: at(() => loss(P)), slope: at((p, k) => slopes(P, p)[k]) },
    };
  const gamma = gammaOf(P);
  return {
    loss: [["every pixel", of((p) => pixelLoss(gamma, p))], ...reference.map(([name]) => [name, of((p) => pixelLoss(0, p))])],
    slope: [["every pixel", of((p) => pixelSlope(gamma, p))], ...reference],
    marks: { loss: at((p) => pixelLoss(gamma, p)), slope: at((p) => pixelSlope(gamma, p)) },
  };
}

/** The least of 1, 2, 5, 10, 20, ... that is not below `value`. */
export function ceiling(value) {
  const power = 10 ** Math.floor(Math.log10(value) + 1e-9);
  return power * [1, 2, 5, 10].find((step) => step * power >= value * (1 - 1e-9));
}

const STYLES = { "every pixel": "cw-lc-every", foreground: "cw-lc-front", background: "cw-lc-back", "cross-entropy": "cw-lc-reference" };
const [WIDE, TALL, LEFT, FOOT] = [400, 230, 44, 34];

/** A chart over p from 0 to 1: grid, curves, marks (a square for foreground, a circle for background). */
function chart(lines, marks, top) {
  const [x, y] = [(p) => LEFT + (WIDE - LEFT - 10) * p, (v) => TALL - FOOT - (TALL - FOOT - 10) * Math.min(v / top, 1.02)];
  const text = (left, height, anchor, words) => `<text x="${left}" y="${height}" text-anchor="${anchor}">${words}</text>`;
  const ticks = [0, 0.25, 0.5, 0.75, 1];
  const grid = ticks.map((t) => `M${x(t)} ${y(0)}V${y(top)}M${x(0)} ${y(t * top)}H${x(1)}`).join("");
  const numbers = ticks.map((t) => text(x(t), TALL - 20, "middle", format(t)) + text(LEFT - 6, y(t * top) + 4, "end", format(t * top, top < 1 ? 3 : 2)));
  const path = ([name, values]) => `<path class="${STYLES[name]}" d="M${values.map((v, k) => `${x(AXIS[k]).toFixed(1)} ${y(v).toFixed(1)}`).join("L")}"/>`;
  const [front, back] = marks.map(([p, v]) => [x(p), y(v)]);
  const dots = `<circle class="cw-lc-back" cx="${back[0]}" cy="${back[1]}" r="6"/><rect class="cw-lc-front" x="${front[0] - 6}" y="${front[1] - 6}" width="12" height="12"/>`;
  return `<path class="cw-lc-grid" d="${grid}"/>${numbers.join("")}${text(x(0.5), TALL - 5, "middle", "p, probability of the true class")}${lines.map(path).join("")}<g class="cw-lc-marks">${dots}</g>`;
}

export function render({ model, el }) {
  const root = card(el, "Loss curves");
  root.classList.add("cw-losses");
  const kind = options(model, "loss", "loss", LOSSES.map((name) => [name, name]));
  const asText = { get: () => String(model.get("smooth")), set: (_, value) => model.set("smooth", Number(value)), save_changes: () => model.save_changes() };
  const smooth = options(asText, "smooth", "added above and below", [["0", "nothing"], ["1", "1 (smoothing)"]]);
  const two = (value) => format(value);
  const knobs = { gamma: slider(model, "gamma", "γ", 0, 5, 0.25, two), alpha: slider(model, "alpha", "α (weighs FP)", 0, 1, 0.05, two), beta: slider(model, "beta", "β (weighs FN)", 0.05, 1, 0.05, two) };
  const nearest = (n) => COUNTS.reduce((best, count, k) => (Math.abs(Math.log(count / n)) < Math.abs(Math.log(COUNTS[best] / n)) ? k : best), 0);
  const byCount = {
    get: () => nearest(foregroundPixels(parameters())),
    set: (name, index) => model.set(name, COUNTS[index] / PIXELS),
    save_changes: () => model.save_changes(),
  };
  const share = slider(byCount, "foreground", "foreground pixels", 0, COUNTS.length - 1, 1, () => `${foregroundPixels(parameters())}`);
  const sure = [["pf", "p of foreground"], ["pb", "p of background"]].map(([name, label]) => slider(model, name, label, 0.01, 0.99, 0.01, two));
  const words = [h("p"), h("p"), h("p")];
  const figures = ["loss", "slope"].map((name) => {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("viewBox", `0 0 ${WIDE} ${TALL}`);
    svg.setAttribute("role", "img");
    const [caption, key] = [h("figcaption"), h("p", { class: "cw-lc-key" })];
    return { name, svg, caption, key, node: h("figure", { class: "cw-figure cw-lc-figure" }, caption, svg, key) };
  });
  const bars = ["pixels", "gradient"].map((name) => {
    const parts = ["front", "back"].map((side) => h("span", { class: `cw-lc-part cw-lc-${side}` }));
    const says = h("span", { class: "cw-lc-says" });
    return { parts, says, node: h("div", { class: "cw-lc-row" }, h("span", {}, name), h("div", { class: "cw-lc-bar", "aria-hidden": true }, ...parts), says) };
  });
  root.append(
    h("div", { class: "cw-bar cw-first" }, kind), h("div", { class: "cw-controls cw-lc-controls" }, ...Object.values(knobs), share, ...sure), h("div", { class: "cw-bar" }, smooth),
    h("div", { class: "cw-verdict", "aria-live": "polite" }, ...words),
    h("div", { class: "cw-lc-shares" }, ...bars.map(({ node }) => node)),
    h("div", { class: "cw-figures cw-top" }, ...figures.map(({ node }) => node)),
    h("p", { class: "cw-hint" }, "Square: where all foreground pixels are now; circle: all background pixels. At 0.12 and 0.88 the net gives foreground 0.12 everywhere."),
  );
  const parameters = () => Object.fromEntries(["loss", "gamma", "alpha", "beta", "smooth", "foreground", "pf", "pb"].map((name) => [name, model.get(name)]));

  function draw() {
    const P = parameters();
    [kind, smooth, share, ...Object.values(knobs), ...sure].forEach((control) => control.refresh());
    knobs.gamma.hidden = P.loss !== "focal";
    knobs.alpha.hidden = knobs.beta.hidden = P.loss !== "Tversky";
    smooth.hidden = !ofSets(P);
    verdict(P).forEach((text, k) => (words[k].textContent = text));
    const n = foregroundPixels(P);
    const [front, back] = gradients(P);
    [n / PIXELS, front / (front + back)].forEach((part, k) => {
      bars[k].parts.forEach((node, side) => (node.style.flexGrow = side ? 1 - part : part));
      bars[k].says.textContent = `${format(100 * part, 1)} % foreground`;
    });
    const found = curves(P);
    const captions = { loss: ofSets(P) ? "loss, as p of all foreground or all background moves" : "loss of one pixel", slope: `gradient of one pixel, by its logit, × ${PIXELS}` };
    for (const { name, svg, caption, key } of figures) {
      const drawn = found[name];
      const highest = Math.max(...drawn.flatMap(([, values]) => values));
      svg.innerHTML = chart(drawn, found.marks[name], name === "loss" ? (ofSets(P) ? 1 : 5) : ceiling(highest));
      caption.textContent = captions[name];
      const value = (k) => format(found.marks[name][k][1], 3);
      svg.setAttribute("aria-label", `${captions[name]}: foreground ${value(0)}, background ${value(1)}`);
      key.replaceChildren(...drawn.map(([label]) => h("span", {}, h("i", { class: `cw-lc-sample ${STYLES[label]}` }), label === "cross-entropy" ? "cross-entropy, to compare" : label)));
    }
    root.dataset.share = (front / (front + back)).toFixed(6);
  }

  return drawOnChange(model, ["loss", "gamma", "alpha", "beta", "smooth", "foreground", "pf", "pb"], draw);
}

export default { render };
