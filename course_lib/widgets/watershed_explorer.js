// Which dents of the terrain deserve a marker? Markers by a slider, a flood that rises from them, and what became of the true cells.
// The arithmetic is in watershed.js; the same words in Python: watershed_explorer.py.

const STEP = 0.25; // px, of both sliders
const FATES = ["right", "merged", "cut", "lost"];
const plural = (n, noun) => `${n} ${noun}${n === 1 ? "" : "s"}`;

/** What does not change while h and the water move. */
export function prepare(get) {
  const shape = get("size");
  const area = shape[0] * shape[1];
  const dist = distanceMap(unpack(get("mask"), area), shape);
  const dyn = dynamics(dist, shape);
  const maxima = markers(dyn, shape, 0);
  const stacked = unpack(get("truth"), get("cells") * area);
  const cells = Array.from({ length: get("cells") }, () => []);
  const owner = new Int32Array(area); // true cell of a pixel, from 1
  stacked.forEach((inside, at) => {
    if (!inside) return;
    cells[Math.floor(at / area)].push(at % area);
    owner[at % area] ||= Math.floor(at / area) + 1;
  });
  const rest = { land: terrain(dist), colors: basinColors(maxima, shape), deepest: dist.reduce((a, b) => Math.max(a, b)) };
  return { shape, area, dist, dyn, maxima, cells, owner, picture: get("picture") && bytesOf(get("picture")), ...rest };
}

/** Markers, regions, the level at which each pixel floods, and the fates of the true cells, at h. */
export function divide(S, h) {
  const marker = markers(S.dyn, S.shape, h);
  const { label, level } = flood(S.land, marker.label, S.shape);
  const color = []; // of each region, from 1
  marker.label.forEach((k, i) => k && (color[k] = PALETTE[S.colors[S.maxima.label[i] - 1]]));
  return { h, marker: marker.label, regions: marker.count, label, level, color, fates: fates(S.cells, label) };
}

/** [what the markers made, what became of the cells]; the second is "" without a truth. */
export function verdict(S, D) {
  const truth = S.cells.length ? ` for ${plural(S.cells.length, "true cell")}` : "";
  const counts = FATES.map((fate) => `${D.fates.filter((cell) => cell[fate]).length} ${fate}`);
  const made = `h = ${format(D.h)} px: ${plural(D.regions, "marker")}, so ${plural(D.regions, "region")}${truth}.`;
  return [made, S.cells.length ? `True cells: ${counts.join(", ")}.` : ""];
}

/** Share of the mask that is under water at a level (<= 0 px). */
export function flooded(S, D, water) {
  let [under, inside] = [0, 0];
  for (let i = 0; i < S.area; i++) if (S.dist[i]) (inside++, (under += D.label[i] && D.level[i] <= water ? 1 : 0));
  return under / inside;
}

const shade = (S, i) => 226 - (126 * S.dist[i]) / S.deepest; // of dry land: deep is dark

/** Terrain and water along one row: a bar per pixel, the basins in their colors, the water's surface, the markers, a ruler as long as h. */
function section(S, D, row, water) {
  const width = S.shape[1];
  const y = (height) => 0.02 * width - (0.24 * width * height) / S.deepest; // height 0 on top
  const at = Array.from({ length: width }, (_, c) => row * width + c);
  const bars = at.map((i, c) => {
    const bar = (from, to, fill) => `<rect x="${c}" width="1" y="${y(from)}" height="${Math.max(y(to) - y(from), 0)}" fill="${fill}"/>`;
    const wet = S.dist[i] && D.label[i] && D.level[i] <= water;
    return bar(-S.dist[i], -1.08 * S.deepest, "#96969a") + (wet ? bar(water, -S.dist[i], `rgb(${D.color[D.label[i]]})`) : "");
  });
  const steps = at.map((i, c) => `${c ? "V" : "M0 "}${y(-S.dist[i])}h1`);
  const surface = `<path d="${steps.join("")}"/><path class="cw-ws-water" d="M0 ${y(water)}h${width}"/>`;
  const dots = at.map((i, c) => (D.marker[i] ? `<circle cx="${c + 0.5}" cy="${y(-S.dist[i])}" r="${width / 80}"/>` : ""));
  const [x, tick] = [0.975 * width, 0.008 * width];
  const ends = `M${x - tick} ${y(0)}h${2 * tick}M${x - tick} ${y(-D.h)}h${2 * tick}M${x} ${y(0)}V${y(-D.h)}`;
  const ruler = `<path class="cw-px-rim" d="${ends}"/><path class="cw-px-line" d="${ends}"/>`;
  return { viewBox: `0 0 ${width} ${y(-1.08 * S.deepest)}`, content: bars.join("") + surface + dots.join("") + ruler };
}

/** How many cells were right at each h tried so far: right is a Map from h. */
function trail(right, now, total) {
  const [x, y] = [(h) => 34 + 64 * h, (n) => 84 - (70 * n) / total];
  const label = (left, top, text, anchor) => `<text x="${left}" y="${top}" text-anchor="${anchor}">${text}</text>`;
  const ticks = [0, 1, 2, 3, 4, 5].map((h) => label(x(h), 100, h === 5 ? "5 px" : h, "middle")).join("");
  const numbers = label(28, 88, 0, "end") + label(28, y(total) + 4, total, "end");
  const dots = [...right].map(([h, n]) => `<circle class="${h === now ? "cw-ws-here" : ""}" cx="${x(h)}" cy="${y(n)}" r="${h === now ? 6 : 4}"/>`);
  const lines = `<path d="M34 84H360${[0, 1, 2, 3, 4, 5].map((h) => `M${x(h)} 84v4`).join("")}"/><path class="cw-ws-all" d="M34 ${y(total)}H360"/>`;
  return lines + ticks + numbers + dots.join("");
}

/** A slider in steps of a quarter of a pixel. */
function fine(model, name, label, min, max) {
  const node = slider(model, name, label, min, max, STEP, (value) => `${format(value)} px`);
  node.classList.add("cw-fine");
  return node;
}

export function render({ model, el }) {
  const root = card(el, "Watershed explorer");
  const S = prepare((name) => model.get(name));
  const [height, width] = S.shape;
  const [dry, truth] = [-STEP * (Math.floor(S.deepest / STEP) + 1), S.cells.length > 0];
  const depth = fine(model, "h", "marker depth h", 0, 5);
  const water = fine(model, "level", "water level", dry, 0);
  water.addEventListener("input", () => pause());
  const play = button("Flood", () => (timer ? pause() : start()));
  const progress = h("span", { class: "cw-progress" });
  const words = [h("p"), h("p")];
  const say = h("div", { class: "cw-verdict", "aria-live": "polite" }, ...words);
  const land = pixelPicture(S.shape, ["borders", "markers", "row"], {
    tabindex: 0, role: "slider", "aria-orientation": "vertical", "aria-label": "row of the cross-section", "aria-valuemin": 0, "aria-valuemax": height - 1,
  });
  const result = pixelPicture(S.shape, ["borders", "wrong"], { role: "img" });
  const drawing = (name) => {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("role", "img");
    svg.setAttribute("class", `cw-ws-${name}`);
    return svg;
  };
  const [cross, chart] = [drawing("section"), drawing("trail")];
  const captions = ["terrain (dark is deep) and markers", "", truth ? "regions and the true cells" : "regions", "right cells at each h you tried"];
  const [onLand, below, onResult, onChart] = captions.map((text) => h("p", { class: "cw-ws-caption" }, text));
  const legend = "Dashed: M merged, its region holds most of another cell, too; C cut, a second region holds over a fifth of it; L lost, no region holds most of it.";
  root.append(
    h("div", { class: "cw-controls" }, depth, water), h("div", { class: "cw-bar" }, play, progress), say,
    h("div", { class: "cw-figures cw-top" },
      h("div", { class: "cw-ws-column" }, onLand, land.node, below, cross, h("p", { class: "cw-hint" }, "Another row: click into the terrain, or focus it and press the up and down keys.")),
      h("div", { class: "cw-ws-column" }, onResult, result.node, ...(truth ? [h("p", { class: "cw-hint" }, legend), onChart, chart] : []))),
  );
  const places = [...centers(S.owner, S.shape)]; // of the true cells' letters
  let timer = null;
  let D = null; // the division at the present h
  const right = new Map(); // right cells by h; Python's `tried` brings those of other displays

  function start() {
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return update(model, { level: 0 }); // the end at once, nothing moves by itself
    if (model.get("level") >= 0) model.set("level", dry);
    say.setAttribute("aria-live", "off");
    play.textContent = "Pause";
    timer = setInterval(() => {
      model.set("level", Math.min(model.get("level") + STEP, 0)); // the kernel hears of it when the playing ends
      if (model.get("level") >= 0) pause();
    }, 80);
  }

  function pause() {
    if (!timer) return;
    clearInterval(timer);
    timer = null;
    play.textContent = "Flood";
    say.setAttribute("aria-live", "polite");
    model.save_changes();
  }

  const row = (r) => update(model, { row: Math.min(Math.max(r, 0), height - 1) });
  land.node.addEventListener("pointerdown", (event) => row(land.place(event)[0]));
  land.node.addEventListener("keydown", (event) => {
    if (!ARROWS[event.key]?.[0]) return; // up and down
    event.preventDefault();
    row(model.get("row") + ARROWS[event.key][0] * (event.shiftKey ? 8 : 1));
  });

  function redivide(value) {
    D = divide(S, value);
    result.paint((i) => (D.label[i] ? D.color[D.label[i]] : S.picture ? Array(3).fill(S.picture[i]) : S.dist[i] ? Array(3).fill(shade(S, i)) : [0, 0, 0, 0]));
    result.put("borders", `<path d="${borders((i, j) => D.label[i] !== D.label[j], S.shape)}"/>`);
    const wrong = (i) => S.owner[i] > 0 && !D.fates[S.owner[i] - 1].right;
    const parted = (i, j) => (S.owner[i] ?? 0) !== (S.owner[j] ?? 0);
    result.put("wrong", line(borders((i, j) => parted(i, j) && (wrong(i) || wrong(j)), S.shape, true), "cw-dashed"));
    const letters = (cell) => [cell.merged && "M", cell.cut && "C", cell.lost && "L"].filter(Boolean).join("");
    result.tag(!truth ? [] : places.map(([k, [r, c]]) => [r, c, letters(D.fates[k - 1])]).filter(([, , text]) => text));
    const spots = new Map(); // pixels of each marker
    D.marker.forEach((k, i) => k && spots.set(k, [...(spots.get(k) ?? []), i]));
    const mean = (pixels, along) => pixels.reduce((sum, i) => sum + along(i), 0) / pixels.length + 0.5;
    const dot = (pixels) => `<circle cx="${mean(pixels, (i) => i % width)}" cy="${mean(pixels, (i) => Math.floor(i / width))}" r="${width / 90}"/>`;
    land.put("markers", [...spots.values()].map(dot).join(""));
    const [made, became] = verdict(S, D);
    words.forEach((node, index) => (node.textContent = [made, became][index]));
    words[1].hidden = !truth;
    words[1].className = D.fates.every((cell) => cell.right) ? "cw-even" : "cw-uneven";
    result.node.setAttribute("aria-label", `${made} ${became}`);
    root.dataset.regions = D.regions;
  }

  function draw() {
    const [value, level, at, tried] = ["h", "level", "row", "tried"].map((name) => model.get(name));
    [depth, water].forEach((control) => control.refresh());
    if (D?.h !== value) redivide(value);
    const wet = (i) => (D.label[i] && D.level[i] <= level ? D.label[i] : 0);
    land.paint((i) => {
      if (!S.dist[i]) return [0, 0, 0, 0];
      const color = wet(i) ? D.color[wet(i)] : [255, 255, 255];
      return color.map((v) => (v * (wet(i) ? shade(S, i) + 60 : shade(S, i))) / (wet(i) ? 286 : 255));
    });
    land.put("borders", `<path d="${borders((i, j) => wet(i) !== wet(j), S.shape)}"/>`);
    land.put("row", line(`M0 ${at + 0.5}h${width}`));
    land.node.setAttribute("aria-valuenow", at);
    below.textContent = `cross-section, row ${at}; ruler = h`;
    const cut = section(S, D, at, level);
    cross.setAttribute("viewBox", cut.viewBox);
    cross.setAttribute("aria-label", `cross-section of terrain and water along row ${at}`);
    cross.innerHTML = cut.content;
    const share = Math.round(100 * flooded(S, D, level));
    progress.textContent = `${share} % of the mask is under water`;
    if (!truth) return;
    for (const each of [...tried, value])
      if (!right.has(each)) right.set(each, (each === value ? D : divide(S, each)).fates.filter((cell) => cell.right).length);
    chart.setAttribute("viewBox", "0 0 380 106");
    chart.setAttribute("aria-label", [...right].map(([each, n]) => `h ${format(each)}: ${n} right`).join("; "));
    chart.innerHTML = trail(right, value, S.cells.length);
  }

  const stop = drawOnChange(model, ["h", "level", "row", "tried"], draw);
  return () => (clearInterval(timer), stop());
}

export default { render };
