// What is left of a dilated kernel at the border of a map? P holds { kernel, dilation: the rate, size: cells along one side of the map }.
// All of it along one axis: both axes are alike, and counts of two axes multiply. The same arithmetic in Python: dilation_explorer.py.

const range = (n) => Array.from({ length: n }, (_, i) => i);

/** Cells along one side of the kernel with its zeros. */
export const extent = (P) => (P.kernel - 1) * P.dilation + 1;

/** Where the kernel's taps lie when it stands on cell `at`; as many cells in front of it as behind, or one fewer. */
export const taps = (P, at) => range(P.kernel).map((tap) => at - Math.floor((extent(P) - 1) / 2) + tap * P.dilation);

/** How many taps lie on the map, for each position along one axis. */
export const valid = (P) => range(P.size).map((at) => taps(P, at).filter((tap) => tap >= 0 && tap < P.size).length);

/** At how many of the size² positions all kernel² taps, exactly one tap, no tap lie on the map. */
export function positions(P) {
  const along = valid(P);
  const count = (wanted) => along.filter((taps) => taps === wanted).length;
  return { all: count(P.kernel) ** 2, one: count(1) ** 2, none: P.size ** 2 - (P.size - count(0)) ** 2 };
}

/** The position shown: the chosen one while it lies on the map, else the middle. */
export function shown(P, position) {
  const middle = Math.floor(P.size / 2);
  return position.length === 2 && Math.max(...position) < P.size ? position : [middle, middle];
}

/** The extent, this position and the shares, in words. */
export function verdict(P, position) {
  const along = valid(P);
  const [r, c] = shown(P, position);
  const [k, total] = [P.kernel ** 2, P.size ** 2];
  const { all, one, none } = positions(P);
  const share = (count) => `${count} of ${total} positions (${format((100 * count) / total, 1)} %)`;
  const number = (count) => `${count} tap${count === 1 ? "" : "s"}`;
  const lone = `Only 1 tap inside: ${share(one)}${none ? `; no tap inside: ${share(none)}` : ""}.`;
  return {
    extent: `Extent: ${P.dilation}·(${P.kernel} − 1) + 1 = ${extent(P)}; ${number(k)}, ${extent(P) ** 2 - k} zeros.`,
    here: `At row ${r}, column ${c}: ${along[r] * along[c]} of ${number(k)} inside the map.`,
    all: k === 1 ? "One tap has no neighbors to spread: the rate changes nothing." : `All ${k} taps inside: ${share(all)}.`,
    one: k === 1 ? "The kernel is 1×1 everywhere." : lone,
  };
}

/** [[first, length, taps], ...]: neighboring positions with equally many taps inside. */
export function runs(P) {
  const found = [];
  valid(P).forEach((count, at) => (found.at(-1)?.[2] === count ? found.at(-1)[1]++ : found.push([at, 1, count])));
  return found;
}

const KERNEL_SIDE = 220; // px
const MAP_SIDE = 340;
const COUNT_SIDE = 240;
const square = (x, y, side) => `M${x.toFixed(2)} ${y.toFixed(2)}h${side.toFixed(2)}v${side.toFixed(2)}h-${side.toFixed(2)}z`;
const lines = (first, unit, cells) => range(cells + 1).map((i) => `M${first + i * unit} ${first}v${cells * unit}M${first} ${first + i * unit}h${cells * unit}`).join("");

/** The kernel full of zeros. */
function kernelPicture(P) {
  const side = extent(P);
  const unit = KERNEL_SIDE / side;
  const mark = Math.max(unit, Math.min(4, P.dilation * unit)); // far taps stay visible
  const at = (tap) => (tap * P.dilation + 0.5) * unit;
  const cells = range(P.kernel).flatMap((a) => range(P.kernel).map((b) => square(at(b) - mark / 2, at(a) - mark / 2, mark)));
  const grid = side <= 45 ? `<path class="cw-lines" d="${lines(0, unit, side)}"/>` : `<path class="cw-dl-frame" d="${square(0, 0, KERNEL_SIDE)}"/>`;
  let text = "";
  if (unit >= 14)
    for (const r of range(side))
      for (const c of range(side)) {
        const tap = r % P.dilation === 0 && c % P.dilation === 0;
        text += `<text class="${tap ? "cw-dl-weight" : "cw-dl-zero"}" x="${(c + 0.5) * unit}" y="${(r + 0.5) * unit + 4}">${tap ? "w" : "0"}</text>`;
      }
  return `<path class="cw-dl-tap" d="${cells.join("")}"/>${grid}${text}`;
}

/** Cells that surround the map in its picture, on each side. */
const rim = (P) => Math.max(2, Math.round(P.size * 0.3));

/** The map, hatched surroundings, the kernel standing on it. Taps far outside are not seen; lines lead to them. */
function mapPicture(P, [r, c], hatch) {
  const unit = MAP_SIDE / (P.size + 2 * rim(P));
  const first = rim(P) * unit;
  const middle = (cell) => first + (cell + 0.5) * unit;
  const mark = Math.max(0.86 * unit, 6);
  const parts = { inside: "", outside: "", cross: "", ray: "" };
  for (const y of taps(P, r))
    for (const x of taps(P, c)) {
      const inside = [x, y].every((at) => at >= 0 && at < P.size);
      const corner = [middle(x) - mark / 2, middle(y) - mark / 2];
      parts.ray += `M${middle(c).toFixed(2)} ${middle(r).toFixed(2)}L${middle(x).toFixed(2)} ${middle(y).toFixed(2)}`;
      parts[inside ? "inside" : "outside"] += square(...corner, mark);
      if (!inside) parts.cross += `M${corner[0].toFixed(2)} ${corner[1].toFixed(2)}l${mark} ${mark}m0 -${mark}l-${mark} ${mark}`;
    }
  const grid = unit >= 4 ? `<path class="cw-lines" d="${lines(first, unit, P.size)}"/>` : "";
  const pattern = `<pattern id="${hatch}" width="7" height="7" patternUnits="userSpaceOnUse"><path class="cw-dl-hatch" d="M0 7L7 0"/></pattern>`;
  return (
    `<defs>${pattern}</defs><rect width="${MAP_SIDE}" height="${MAP_SIDE}" fill="url(#${hatch})"/>` +
    `<path class="cw-dl-map" d="${square(first, first, P.size * unit)}"/>${grid}<path class="cw-dl-ray" d="${parts.ray}"/>` +
    `<path class="cw-dl-outside" d="${parts.outside}"/><path class="cw-dl-cross" d="${parts.cross}"/><path class="cw-dl-tap" d="${parts.inside}"/>` +
    `<circle class="cw-dl-here" cx="${middle(c)}" cy="${middle(r)}" r="${Math.max(0.62 * unit, 6)}"/>`
  );
}

/** How many taps are inside, for each position of the kernel: rectangles of equal counts, numbered where there is room. */
function countPicture(P, [r, c], hatch) {
  const unit = COUNT_SIDE / P.size;
  let content = `<defs><pattern id="${hatch}" width="7" height="7" patternUnits="userSpaceOnUse"><path class="cw-dl-lonely" d="M0 7L7 0"/></pattern></defs>`;
  let text = "";
  const along = runs(P);
  for (const [y, tall, a] of along)
    for (const [x, wide, b] of along) {
      const box = `x="${x * unit}" y="${y * unit}" width="${wide * unit}" height="${tall * unit}"`;
      const lone = a * b === 1 && P.kernel > 1;
      content += `<rect class="cw-dl-count" fill-opacity="${((a * b) / P.kernel ** 2).toFixed(3)}" ${box}/>`;
      if (lone) content += `<rect fill="url(#${hatch})" ${box}/>`;
      const look = lone ? "cw-dl-halo" : a * b === P.kernel ** 2 ? "cw-dl-weight" : "";
      if (Math.min(wide, tall) * unit >= 15) text += `<text class="${look}" x="${(x + wide / 2) * unit}" y="${(y + tall / 2) * unit + 4}">${a * b}</text>`;
    }
  const mark = Math.max(unit, 12);
  const ring = square((c + 0.5) * unit - mark / 2, (r + 0.5) * unit - mark / 2, mark);
  return `${content}${text}<path class="cw-dl-here cw-dl-fine" d="${ring}"/>`;
}

export function render({ model, el }) {
  const root = card(el, "Dilation explorer");
  root.classList.add("cw-dilation");
  const sliders = [["kernel", "kernel", 1, 5], ["dilation", "rate", 1, 65], ["size", "map size", 5, 65]].map((spec) => slider(model, ...spec));
  const words = { extent: h("p"), here: h("p"), all: h("p"), one: h("p") };
  const shares = ["all", "some", "one", "none"].map((name) => h("span", { class: `cw-dl-share cw-dl-${name}` }));
  const hatches = [fresh(), fresh()];
  const pictures = [KERNEL_SIDE, MAP_SIDE, COUNT_SIDE].map((side, index) => {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("class", "cw-map");
    svg.setAttribute("viewBox", `-1 -1 ${side + 2} ${side + 2}`);
    svg.setAttribute(index === 1 ? "aria-hidden" : "role", index === 1 ? "true" : "img");
    const [caption, hint] = [h("figcaption"), h("span", { class: "cw-hint" })];
    const holder = index === 1 ? h("div", { class: "cw-dl-pad", role: "application", tabindex: 0 }, svg) : h("div", {}, svg);
    const node = h("figure", { class: "cw-figure", style: `width:${side}px` }, caption, holder, hint);
    return { svg, caption, hint, holder, node };
  });
  const [kernel, map, counts] = pictures;
  root.append(
    h("div", { class: "cw-controls" }, ...sliders),
    h("div", { class: "cw-verdict", "aria-live": "polite" }, ...Object.values(words)),
    h("div", { class: "cw-dl-shares", "aria-hidden": true }, ...shares),
    h("div", { class: "cw-figures cw-top" }, ...pictures.map(({ node }) => node)),
  );
  const numbers = () => Object.fromEntries(["kernel", "dilation", "size"].map((name) => [name, model.get(name)]));

  function move(r, c) {
    const inside = (v) => Math.min(Math.max(v, 0), model.get("size") - 1);
    update(model, { position: [inside(r), inside(c)] });
  }

  /** A press, or a drag, in a picture of `cells` cells whose map begins `edge` cells from its border. */
  function follow({ holder, svg }, cells, edge) {
    const pointed = (event) => {
      if (!(event.buttons & 1)) return;
      const box = svg.getBoundingClientRect();
      const at = (value, low, side) => Math.floor(((value - low) / side) * cells() - edge());
      move(at(event.clientY, box.top, box.height), at(event.clientX, box.left, box.width));
    };
    holder.addEventListener("pointerdown", (event) => (holder.setPointerCapture(event.pointerId), pointed(event)));
    holder.addEventListener("pointermove", pointed);
  }
  follow(map, () => model.get("size") + 2 * rim(numbers()), () => rim(numbers()));
  follow(counts, () => model.get("size"), () => 0);
  map.holder.addEventListener("keydown", (event) => {
    if (!ARROWS[event.key]) return;
    event.preventDefault();
    const step = event.shiftKey ? 5 : 1;
    const [r, c] = shown(numbers(), model.get("position"));
    move(r + step * ARROWS[event.key][0], c + step * ARROWS[event.key][1]);
  });

  function draw() {
    const P = numbers();
    const here = shown(P, model.get("position"));
    sliders.forEach((control) => control.refresh());
    const found = verdict(P, here);
    Object.keys(words).forEach((key) => (words[key].textContent = found[key]));
    const { all, one, none } = positions(P);
    const parts = { all, some: P.size ** 2 - all - none - (P.kernel > 1 ? one : 0), one: P.kernel > 1 ? one : 0, none };
    const names = { all: P.kernel > 1 ? `all ${P.kernel ** 2} taps` : "1 tap", some: "some", one: "only 1", none: "none" };
    Object.keys(parts).forEach((name, index) => {
      const share = parts[name] / P.size ** 2;
      shares[index].style.flexGrow = share;
      shares[index].hidden = !parts[name];
      shares[index].textContent = share >= 0.13 ? names[name] : "";
    });
    const side = extent(P);
    kernel.caption.textContent = `kernel with zeros, ${side}×${side}`;
    kernel.svg.innerHTML = kernelPicture(P);
    kernel.svg.setAttribute("aria-label", found.extent);
    map.caption.textContent = `map, ${P.size}×${P.size}: taps at one position`;
    map.svg.innerHTML = mapPicture(P, here, hatches[0]);
    map.hint.textContent = "Drag the kernel, or use the arrow keys (Shift: five cells). Blue squares read the map; crossed ones read padding.";
    map.holder.setAttribute("aria-label", `Position of the kernel, arrow keys move it. ${found.here}`);
    counts.caption.textContent = "taps inside, by position";
    counts.svg.innerHTML = countPicture(P, here, hatches[1]);
    counts.svg.setAttribute("aria-label", `${found.all} ${found.one}`);
    counts.hint.textContent = P.kernel > 1 ? "The stronger the blue, the more taps; hatched: only one." : "";
    root.dataset.output = side;
  }

  return drawOnChange(model, ["kernel", "dilation", "size", "position"], draw);
}

export default { render };
