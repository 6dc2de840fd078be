// What does each task say about one pixel? A scene S is what Python packed: picture, semantic map, masks, panoptic map, class names.
// The same arithmetic and the same words in Python: pixel_facts.py.

const VOID = 255;
const list = (words) => (words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`);
const tags = (numbers) => list(numbers.map((number) => `#${number}`));
const count = (n, noun) => `${n} ${noun}${n === 1 ? "" : "s"}`;

/** The scene behind a widget's traits. owner: for each pixel the first object that covers it, from 1; 0 is none. */
export function scene(get) {
  const shape = get("size");
  const area = shape[0] * shape[1];
  const map = (name) => (get(name) ? unpack(get(name), area) : null);
  const [semantic, panoptic, labels] = [map("semantic"), map("panoptic"), get("labels")];
  const masks = labels && unpack(get("masks"), labels.length * area);
  const owner = new Int32Array(area);
  let objects = null;
  if (labels) {
    objects = labels.map((label, k) => ({ number: k + 1, label }));
    for (let k = labels.length - 1; k >= 0; k--) for (let i = 0; i < area; i++) if (masks[k * area + i]) owner[i] = k + 1;
  } else if (panoptic) {
    const ids = [...new Set(panoptic)].filter((id) => id % 1000).sort((a, b) => (a % 1000) - (b % 1000) || a - b);
    objects = ids.map((id) => ({ number: id % 1000, label: Math.floor(id / 1000) }));
    panoptic.forEach((id, i) => (owner[i] = ids.indexOf(id) + 1));
  }
  const rest = Object.fromEntries(["classes", "colors", "boxes"].map((name) => [name, get(name)]));
  return { shape, area, rgb: bytesOf(get("pixels")), semantic, panoptic, masks, objects, owner, things: new Set(get("things")), ...rest };
}

/** Components of the thing classes of the semantic map: { label, count, held: numbers of the objects in each }; null without a map. */
export function parts(S, connectivity) {
  if (!S.semantic) return null;
  const P = components(S.semantic.map((id) => (S.things.has(id) ? id + 1 : 0)), S.shape, connectivity);
  const held = Array.from({ length: P.count + 1 }, () => new Set());
  S.owner.forEach((k, i) => k && held[P.label[i]].add(S.objects[k - 1].number));
  return { ...P, held: held.map((numbers) => [...numbers].sort((a, b) => a - b)) };
}

/** The layers that there is something to draw for. */
export function layersOf(S) {
  const there = { image: true, semantic: S.semantic, instances: S.masks, panoptic: S.panoptic, components: S.semantic };
  return Object.keys(there).filter((name) => there[name]);
}

/** What is one segment in a layer: a number per pixel, 0 for pixels in none. P: the components. */
export function segments(S, layer, P) {
  if (layer === "components") return P.label;
  if (layer === "instances") return S.owner;
  const map = layer === "semantic" ? S.semantic : (S.panoptic ?? S.semantic);
  return map ? map.map((id) => id + 1) : S.owner;
}

const classAt = (S, i) => S.semantic?.[i] ?? (S.panoptic ? Math.floor(S.panoptic[i] / 1000) : S.owner[i] ? S.objects[S.owner[i] - 1].label : null);
const objectsAt = (S, i) => (S.masks ? S.objects.filter((_, k) => S.masks[k * S.area + i]) : S.owner[i] ? [S.objects[S.owner[i] - 1]] : []);

/** Everything the course knows about pixel i, as [name, text] pairs. */
export function facts(S, i, P) {
  const id = classAt(S, i);
  const known = id !== null && id !== VOID;
  const name = known ? S.classes[id] : "void";
  const kind = known && S.things.has(id) ? "a thing" : "stuff";
  const found = [["pixel", `row ${Math.floor(i / S.shape[1])}, column ${i % S.shape[1]}`]];
  const [red, green, blue] = [0, 1, 2].map((k) => (S.rgb[3 * i + k] / 255).toFixed(2));
  found.push(["image", `red ${red}, green ${green}, blue ${blue}`]);
  if (id === null) found.push(["class", "none: no mask covers it"]);
  else found.push(["class", known ? `${name} (${id}), ${kind}` : "void (255): no label, so it is not judged"]);
  if (S.objects) {
    const here = objectsAt(S, i);
    const why = !known ? "no label" : kind === "stuff" ? `${name} is stuff` : "no mask covers it";
    const box = S.boxes && here.length === 1 && S.masks ? `, box (${S.boxes[here[0].number - 1].map((v) => format(v, 1)).join(", ")})` : "";
    const one = here.length && `#${here[0].number} of ${S.objects.length}${box}`;
    found.push(["instance", here.length > 1 ? `${tags(here.map(({ number }) => number))}: masks overlap` : one || `none: ${why}`]);
  }
  if (S.panoptic) {
    const code = S.panoptic[i];
    const [r, g, b] = [code % 256, (code >> 8) % 256, code >> 16];
    found.push(["panoptic id", `${Math.floor(code / 1000)}·1000 + ${code % 1000} = ${code}`]);
    found.push(["COCO color", `R ${r}, G ${g}, B ${b}: ${r} + 256·${g} + 65536·${b}`]);
  }
  if (P) {
    const k = P.label[i];
    const holds = P.held[k].length ? `, holds ${tags(P.held[k])}` : "";
    found.push(["component", k ? `c${k} of ${P.count}${holds}` : known ? `none: ${name} is stuff` : "none: no label"]);
  }
  return found;
}

/** What lies between two pieces of an object, on the line between their nearest pixels; null where they touch at a corner. */
function between(S, object, piece, rest) {
  const width = S.shape[1];
  const at = (i) => [Math.floor(i / width), i % width];
  let [best, from, to] = [Infinity, 0, 0];
  for (const i of piece)
    for (const j of rest) {
      const [[r, c], [y, x]] = [at(i), at(j)];
      const distance = (r - y) ** 2 + (c - x) ** 2;
      if (distance < best) [best, from, to] = [distance, i, j];
    }
  const [[r, c], [y, x]] = [at(from), at(to)];
  const steps = Math.max(Math.abs(y - r), Math.abs(x - c));
  if (steps === 1) return null;
  const along = (a, b, t) => a + Math.floor((2 * (b - a) * t + steps) / (2 * steps));
  const names = Array.from({ length: steps - 1 }, (_, t) => {
    const i = along(r, y, t + 1) * width + along(c, x, t + 1);
    const owner = S.objects[S.owner[i] - 1];
    if (owner) return owner === object ? "" : `${S.classes[owner.label]} #${owner.number}`;
    return S.semantic[i] === VOID ? "void" : S.classes[S.semantic[i]];
  });
  return names.filter(Boolean);
}

/** For each thing class in the picture one sentence: how many objects, how many components, what became one, what was cut. */
export function findings(S, P) {
  const sentences = [...S.things].sort((a, b) => a - b).map((id) => {
    const mine = S.objects?.filter(({ label }) => label === id) ?? [];
    const labels = new Set(P.label.filter((k, i) => k && S.semantic[i] === id));
    if (!mine.length && !labels.size) return "";
    const name = S.classes[id];
    if (!S.objects) return `${name}: ${count(labels.size, "component")}.`;
    const pieces = new Map(mine.map((object) => [object, new Map()])); // pixels of each object, by component
    for (let i = 0; i < S.area; i++) {
      const here = P.label[i] && pieces.get(S.objects[S.owner[i] - 1]);
      if (!here) continue;
      if (!here.has(P.label[i])) here.set(P.label[i], []);
      here.get(P.label[i]).push(i);
    }
    const merged = [...labels].sort((a, b) => a - b).filter((k) => P.held[k].length > 1);
    const words = merged.map((k) => `${tags(P.held[k])} touch and became one (c${k})`);
    for (const [object, byComponent] of pieces) {
      if (byComponent.size < 2) continue;
      const [largest, ...others] = [...byComponent.values()].sort((a, b) => b.length - a.length || a[0] - b[0]);
      const cutters = others.map((piece) => between(S, object, piece, largest));
      const names = [...new Set(cutters.flatMap((cutter) => cutter ?? []))];
      const why = names.length ? ` by ${list(names)}` : cutters.includes(null) ? " that touch only at a corner" : "";
      const into = [...byComponent.keys()].sort((a, b) => a - b).map((k) => `c${k}`).join(", ");
      words.push(`#${object.number} is cut into ${byComponent.size} pieces (${into})${why}`);
    }
    const numbers = `${name}: ${count(mine.length, "instance")}, ${count(labels.size, "component")}`;
    return words.length ? `${numbers}: ${words.join("; ")}.` : `${numbers}${mine.length === labels.size ? ", one each" : ""}.`;
  });
  const said = sentences.filter(Boolean);
  return said.length ? said : ["No thing in this picture, so no component."];
}
