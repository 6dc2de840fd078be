// The two pictures of the receptive-field painter. Behind receptive_field_painter.js in one module.

const PITCH = 50; // px from one row of cells to the next
const CELL = 16; // px, height of a cell
const BARS = 46; // px, height of the tallest bar
const CROWD = 300; // more lines than that between two rows merge: then only the outermost of each cell are drawn
const within = (x, width) => Math.min(Math.max(x, -2), width + 2); // what lies further outside the picture need not be drawn

/** The rows of cells, the lines between them, and the paths of each input cell as bars. One path per look: few elements. */
function stackPicture(P, sizes, chosen, counts, previous) {
  const all = fields(P);
  const margin = Math.max(1, Math.round(P.size * 0.08));
  const width = P.size + 2 * margin;
  const top = (level) => (sizes.length - 1 - level) * PITCH + 4;
  const center = (level, i) => margin + all[level].start + i * all[level].jump + all[level].size / 2;
  const looks = { line: [], dead: [], idle: [], pad: [], hit: [], hole: [], chosen: [], bar: [] };
  const seen = chosen === null ? null : all.at(-1).start + chosen * all.at(-1).jump; // first cell of the field
  sizes.forEach((cells, level) => {
    const side = 0.86 * Math.min(all[level].jump, width / 36);
    const hits = counts ? counts[level].filter((count) => count > 0).length : 0;
    const box = (i) => `M${(center(level, i) - side / 2).toFixed(3)} ${top(level)}h${side.toFixed(3)}v${CELL}h-${side.toFixed(3)}z`;
    range(cells).forEach((i) => {
      const hit = counts && counts[level][i];
      if (hit && level === sizes.length - 1) looks.chosen.push(box(i));
      else looks[hit ? "hit" : "idle"].push(box(i));
      if (!level && counts && !hit && i >= seen && i < seen + all.at(-1).size)
        looks.hole.push(`M${(center(0, i) - side / 2).toFixed(3)} ${top(0) + CELL}l${side.toFixed(3)} -${CELL}`);
      if (!hit || !level) return;
      const x = center(level, i);
      const taps = reads(P.layers[level - 1], P, i);
      const crowded = hits * taps.length > CROWD;
      (crowded ? [taps[0], taps.at(-1)] : taps).forEach((at) => {
        const inside = at >= 0 && at < sizes[level - 1];
        const to = center(level - 1, at);
        const part = (within(to, width) - x) / (to - x || 1); // of the line, up to the border of the picture
        const end = to === x ? `V${top(level - 1)}` : `L${within(to, width).toFixed(3)} ${top(level) + CELL + part * (PITCH - CELL)}`;
        looks[inside ? "line" : "dead"].push(`M${x.toFixed(3)} ${top(level) + CELL}${end}`);
        if (inside || to !== within(to, width)) return;
        const ghost = 0.86 * Math.min(all[level - 1].jump, width / 36);
        looks.pad.push(`M${(center(level - 1, at) - ghost / 2).toFixed(3)} ${top(level - 1)}h${ghost.toFixed(3)}v${CELL}h-${ghost.toFixed(3)}z`);
      });
    });
  });
  const ruler = top(0) + CELL;
  const base = ruler + 44 + BARS;
  let brackets = "";
  if (counts) {
    const most = Math.max(...counts[0], 1);
    counts[0].forEach((count, i) => {
      const tall = (BARS * count) / most;
      if (count) looks.bar.push(`M${margin + i + 0.1} ${base}v-${tall.toFixed(2)}h.8v${tall.toFixed(2)}z`);
    });
    const bracket = (size, y, name) => {
      const first = seen + margin + (all.at(-1).size - size) / 2;
      return `<path class="cw-rf-${name}" d="M${within(first, width)} ${y - 4}v8m0 -4H${within(first + size, width)}m0 -4v8"/>`;
    };
    brackets = bracket(all.at(-1).size, ruler + 14, "now");
    if (previous.length) brackets += bracket(reachBefore(P, previous), ruler + 30, "before");
  }
  const many = looks.line.length;
  const strength = many > 600 ? 0.3 : many > 150 ? 0.5 : 0.85;
  const drawn = Object.entries(looks).map(([name, parts]) => `<path class="cw-rf-${name}" d="${[...new Set(parts)].join("")}"${name === "line" ? ` stroke-opacity="${strength}"` : ""}/>`);
  const axis = counts ? `<path class="cw-rf-axis" d="M${margin} ${base}h${P.size}"/>` : "";
  const labels = sizes.map((_, level) => [top(level), level ? `layer ${level}` : "input"]);
  if (counts) labels.push([ruler + 6, "field"], [base - BARS / 2 - 8, "paths"]);
  if (counts && previous.length) labels.push([ruler + 22, "before"]);
  return { width, margin, height: counts ? base + 4 : ruler + 4, padded: looks.pad.length > 0, content: drawn.join("") + brackets + axis, labels, center: (i) => center(sizes.length - 1, i) };
}

/** What lies over the two-dimensional view: grid, field, the field before, holes. In units of one input cell. */
function overlay(P, first, size, line, before, hatch) {
  const n = P.size;
  const frame = (side, name) => {
    const [from, to] = [-side, side].map((wide) => within(first + (size + wide) / 2, n));
    return `<rect class="cw-rf-${name}" x="${from}" y="${from}" width="${to - from}" height="${to - from}"/>`;
  };
  const low = Math.max(0, first);
  const high = Math.min(n, first + size);
  const stripes = range(n).filter((i) => i >= low && i < high && !line[i]);
  const holes = stripes.map((i) => `M${i} ${low}h1V${high}h-1zM${low} ${i}H${high}v1H${low}z`).join("");
  const grid = n <= 65 ? `<path class="cw-rf-grid" d="${range(n + 1).map((i) => `M${i} 0V${n}M0 ${i}H${n}`).join("")}"/>` : "";
  const pattern = `<pattern id="${hatch}" width="1" height="1" patternUnits="userSpaceOnUse"><path class="cw-rf-hatch" d="M0 1L1 0"/></pattern>`;
  return `<defs>${pattern}</defs><path fill="url(#${hatch})" d="${holes}"/>${grid}${before ? frame(before, "before") : ""}${frame(size, "now")}`;
}
