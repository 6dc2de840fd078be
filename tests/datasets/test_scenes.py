import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader
from torchvision.transforms import v2

from course_lib.datasets import FILL, Scenes, collate, context
from course_lib.datasets.drawing.canvas import Canvas, Layer
from course_lib.datasets.scenes import VARIANTS


@pytest.fixture(scope="module")
def sets():
    """60 pictures of every variant, street with 120."""
    return {variant: Scenes(120 if variant == "street" else 60, variant=variant, seed=5) for variant in VARIANTS}


def pictures(ds):
    return [ds.picture(i) for i in range(len(ds))]


# ---------------------------------------------------------------------------------------- the contract
@pytest.mark.parametrize("variant", VARIANTS)
def test_truths_agree(sets, variant, assert_consistent):
    ds = sets[variant]
    for i in range(25):
        assert_consistent(*ds[i], ds.things)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("size", [64, (65, 97), (64, 300), (300, 64)])
def test_any_size(variant, size, assert_consistent):
    ds = Scenes(2, size, variant=variant, seed=1)
    for image, target in ds:
        assert_consistent(image, target, ds.things)
        assert tuple(image.shape[1:]) == ((size, size) if isinstance(size, int) else size)


def test_things_grow_with_the_picture():
    def share(size):
        ds = Scenes(12, size, seed=2)
        return np.mean([(p.ids > 0).mean() for p in pictures(ds)])

    assert share(256) == pytest.approx(share(96), rel=0.5)


@pytest.mark.parametrize("variant", VARIANTS)
def test_names_and_colors(sets, variant):
    ds = sets[variant]
    assert len(ds.colors) == len(ds.classes) == len(set(ds.colors))
    assert ds.things < set(range(len(ds.classes)))
    assert 0 not in ds.things  # a mask filled with 0 must not become an object
    assert max(p.semantic.max() for p in pictures(ds)) < len(ds.classes)


def test_no_sliver_is_an_object(sets):
    for p in pictures(sets["street"]):
        areas = np.bincount(p.ids.ravel(), minlength=len(p.id_classes) + 1)[1:]
        assert (areas >= 8).all()


def test_transform_is_applied(assert_consistent):
    torch.manual_seed(0)
    ds = Scenes(6, transform=v2.Compose([v2.RandomAffine(25, scale=(0.6, 1.2), fill=FILL), v2.RandomCrop(64)]))
    for image, target in ds:
        assert_consistent(image, target, ds.things)
        assert image.shape == (3, 64, 64)


# ---------------------------------------------------------------------------------------- determinism
def same(a, b):
    maps = all(np.array_equal(getattr(a, name), getattr(b, name)) for name in ("image", "semantic", "ids"))
    return maps and (a.id_classes, a.numbers) == (b.id_classes, b.numbers)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_picture_depends_on_seed_and_index_alone(variant):
    forward, backward = Scenes(5, variant=variant, seed=7), Scenes(50, variant=variant, seed=7)
    for i in reversed(range(5)):
        assert same(backward.picture(i), forward.picture(i))
    assert not same(forward.picture(0), forward.picture(1))
    assert not same(forward.picture(0), Scenes(5, variant=variant, seed=8).picture(0))
    assert forward.picture(-1) is forward.picture(4)


def test_workers_draw_the_same_pictures():
    ds = Scenes(8, 64, seed=3)
    images = torch.cat([x for x, _ in DataLoader(ds, 2, num_workers=2, collate_fn=collate)])
    assert not ds._cache  # drawn in the workers, not here
    assert torch.equal(images, torch.stack([ds[i][0] for i in range(8)]))


def test_a_second_look_is_cached():
    ds = Scenes(1, 64)
    assert ds.picture(0) is ds.picture(0)


@pytest.mark.parametrize(
    ("variant", "things", "mean"),
    [
        ("street", (6, 6, 7, 7), 50.6),
        ("parts", (8, 8, 6), 111.8),
        ("context", (3, 3, 3, 3), 137.7),
        ("mosaic", (2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2), 124.4),
        ("multiscale", (2, 1, 2, 3, 1, 3), 81.4),
    ],
)
def test_pictures_stay_as_they_are(variant, things, mean):
    """Committed results and checkpoints were made with these pictures: whoever changes them must remake those."""
    p = Scenes(1, variant=variant, seed=0).picture(0)
    assert p.id_classes == things
    assert p.image.mean() == pytest.approx(mean, abs=0.2)


# ---------------------------------------------------------------------------------------- street
def test_every_class_is_common(sets):
    ps = pictures(sets["street"])
    present = {c: np.mean([(p.semantic == c).any() for p in ps]) for c in range(9)}
    share = np.bincount(np.concatenate([p.semantic.ravel() for p in ps]), minlength=9) / (len(ps) * 96 * 96)
    assert min(present.values()) > 0.4, present
    assert all(0.02 < s < 0.45 for s in share[:6]), share
    assert all(0.01 < s < 0.12 for s in share[6:]), share


def test_things_hide_one_another(sets):
    def touch(ids):
        return any(((a != b) & (a > 0) & (b > 0)).any() for a, b in ((ids[1:], ids[:-1]), (ids[:, 1:], ids[:, :-1])))

    assert np.mean([touch(p.ids) for p in pictures(sets["street"])]) > 0.35


def test_light_and_weather_vary(sets):
    means = np.array([p.image.mean((0, 1)) for p in pictures(sets["street"])])
    brightness = means.mean(1)
    assert np.quantile(brightness, 0.05) < 60  # night
    assert np.quantile(brightness, 0.95) > 140  # clear day, fog
    assert (means[:, 0] > means[:, 2] * 1.15).mean() > 0.05  # sunset


def layer(rows, columns, depth, thing=True, class_id=6):
    shape = rows.stop - rows.start, columns.stop - columns.start
    cover = np.ones(shape, np.float32)
    return Layer(rows, columns, cover, np.full((3, *shape), depth, np.float32), class_id, thing, depth)


def test_compose_paints_the_nearer_over_the_farther():
    canvas = Canvas(20, 20)
    near, far = layer(slice(5, 15), slice(5, 15), 0.9), layer(slice(0, 10), slice(0, 10), 0.1)
    assert canvas.compose([near, None, far]) == [far, near]
    assert canvas.ids[7, 7] == 2
    assert canvas.image[0, 7, 7] == pytest.approx(0.9)
    assert np.bincount(canvas.ids.ravel()).tolist() == [400 - 175, 75, 100]


def test_compose_leaves_out_what_is_hidden():
    canvas = Canvas(20, 20)
    hidden = layer(slice(5, 15), slice(5, 15), 0.2)
    tree = layer(slice(4, 15), slice(4, 14), 0.9, thing=False, class_id=2)
    assert canvas.compose([hidden, tree]) == []  # 10 of 100 pixels would peep out
    assert not (canvas.semantic == 6).any()
    assert canvas.image[0, 10, 14] == 0


# ---------------------------------------------------------------------------------------- parts
def test_parts_cover_things_and_nothing_else(sets):
    ds = sets["parts"]
    for p in pictures(ds):
        assert np.array_equal(p.parts > 0, np.isin(p.semantic, sorted(ds.things)))
    _, target = ds[0]
    assert target["parts"].dtype == torch.int64
    assert target["parts"].shape == target["semantic"].shape


def test_every_part_occurs_and_belongs_to_one_class(sets):
    ds = sets["parts"]
    parts, classes = (
        np.concatenate([getattr(p, name).ravel() for p in pictures(ds)]) for name in ("parts", "semantic")
    )
    owners = {name: set(classes[parts == k].tolist()) for k, name in enumerate(ds.part_classes) if k}
    assert {len(owner) for owner in owners.values()} == {1}, owners
    assert owners["car wheel"] == {6}
    assert owners["head"] == {7}
    assert owners["sail"] == {8}
    assert ds.part_classes[0] == "no part"


def test_only_parts_has_parts(sets):
    assert "parts" not in sets["street"][0][1]
    assert not hasattr(sets["street"], "part_classes")


# ---------------------------------------------------------------------------------------- context and mosaic
def test_below_the_horizon_the_two_worlds_are_one():
    """The same picture in both worlds: not a byte differs where the vehicles are, except their class."""
    for seed in range(10):
        houses, harbor = (context.draw(np.random.default_rng(seed), 96, 96, harbor=h) for h in (False, True))
        top = int((houses.semantic == context.SURFACE).any(1).argmax())
        assert 15 < top < 30
        assert np.array_equal(houses.image[top:], harbor.image[top:])
        assert not np.array_equal(houses.image[:top], harbor.image[:top])
        assert np.array_equal(houses.ids, harbor.ids)
        assert set(houses.id_classes) == {context.CAR}
        assert set(harbor.id_classes) == {context.BOAT}


def accuracy(rows, worlds, train=400):
    """Test accuracy of a linear classifier (ridge regression) on coarse pixels of some rows."""
    x = rows.reshape(len(rows), -1).astype(np.float64)
    x = (x - x[:train].mean(0)) / (x[:train].std(0) + 1)
    y = 2.0 * worlds - 1
    gram = x[:train] @ x[:train].T + 0.3 * x.shape[1] * np.eye(train)
    return ((x[train:] @ (x[:train].T @ np.linalg.solve(gram, y[:train])) > 0) == worlds[train:]).mean()


def test_only_the_horizon_tells_the_world():
    ds = Scenes(600, 64, variant="context", seed=4)
    images = np.stack([p.image for p in pictures(ds)]).reshape(600, 32, 2, 32, 2, 3).mean((2, 4))
    worlds = np.array([p.id_classes[0] == context.BOAT for p in pictures(ds)])
    assert worlds.mean() == 0.5
    assert 0.35 < worlds[::2].mean() < 0.65  # and the index does not tell the world
    assert accuracy(images[:, 10:], worlds) == pytest.approx(0.5, abs=0.09)
    assert accuracy(images[:, :9], worlds) > 0.75


@pytest.mark.parametrize("variant", ["context", "mosaic"])
def test_cue_distance(sets, variant):
    ds = sets[variant]
    distances = []
    for i in range(len(ds)):
        found, boxes = ds.cue_distance(i), ds[i][1]["boxes"]
        assert len(found) == len(boxes)
        assert all(0 < d < y1 for d, (_, y1, _, _) in zip(found, boxes.tolist(), strict=True))
        distances += found
    low, high = np.quantile(distances, (0.05, 0.95))
    assert high > 2 * low  # a range worth plotting against
    assert low > (15 if variant == "context" else 7)


def test_cue_distance_by_brute_force():
    for seed in range(5):
        bare, p = (context.draw(np.random.default_rng(seed), 64, 80, harbor=False) for _ in range(2))
        other = context.draw(np.random.default_rng(seed), 64, 80, harbor=True)
        assert bare.numbers == p.numbers
        # Where the worlds differ there is something of one of them, so the nearer of the two cues is at that distance.
        cue = np.argwhere((p.image != other.image).any(2))
        for k, pair in enumerate(zip(p.numbers, other.numbers, strict=True)):
            pixels = np.argwhere(p.ids == k + 1)
            nearest = np.sqrt(((pixels[:, None] - cue) ** 2).sum(2)).min()
            assert min(pair) == pytest.approx(nearest, abs=1e-3)


def test_mosaic_has_four_worlds_of_one_class_each(sets):
    mixed = 0
    for p in pictures(sets["mosaic"]):
        kinds = [np.unique(q[q >= context.CAR]) for half in np.split(p.semantic, 2) for q in np.split(half, 2, 1)]
        assert all(len(kind) == 1 for kind in kinds)
        mixed += len({int(kind[0]) for kind in kinds}) == 2
        assert (p.semantic[[0, 48]] == context.BACKDROP).all()
    assert mixed > 40  # of 60; seven in eight are expected
    cars = np.mean([c == context.CAR for p in pictures(sets["mosaic"]) for c in p.id_classes])
    assert cars == pytest.approx(0.5, abs=0.12)


def test_other_variants_have_no_cue(sets):
    with pytest.raises(ValueError, match=r"^Scenes.cue_distance: variant 'street' has no cue; use context or mosaic$"):
        sets["street"].cue_distance(0)


# ---------------------------------------------------------------------------------------- multiscale
def test_multiscale_spans_the_sizes_in_every_class(sets):
    ps = pictures(sets["multiscale"])
    for kind in (1, 2, 3):
        sizes = [np.sqrt((p.ids == k + 1).sum()) for p in ps for k, c in enumerate(p.id_classes) if c == kind]
        assert len(sizes) > 50
        assert min(sizes) < 7
        assert max(sizes) > 38
        assert np.quantile(sizes, 0.25) < 12


def test_multiscale_class_is_outline_alone(sets):
    """Mean color and area of an object say nothing of its class."""
    features, kinds = [], []
    for p in pictures(sets["multiscale"]):
        for k, c in enumerate(p.id_classes):
            mask = p.ids == k + 1
            features.append([*p.image[mask].mean(0), *p.image[mask].std(0), np.log(mask.sum())])
            kinds.append(c)
    x, y = np.array(features), np.array(kinds)
    x = (x - x.mean(0)) / x.std(0)
    half = len(y) // 2
    centers = np.stack([x[:half][y[:half] == c].mean(0) for c in (1, 2, 3)])
    guess = 1 + ((x[half:, None] - centers) ** 2).sum(2).argmin(1)
    assert (guess == y[half:]).mean() < 0.47  # chance is 1/3


# ---------------------------------------------------------------------------------------- bad input
@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"size": 63}, ValueError, r"Scenes: size is 63; .* 64 to 512 pixels"),
        ({"size": (96, 513)}, ValueError, r"Scenes: size is \(96, 513\); .* 64 to 512 pixels"),
        ({"size": 96.0}, TypeError, r"Scenes: size is 96.0; it must be a whole number or \(height, width\).*"),
        ({"size": (96, 96, 3)}, TypeError, r"Scenes: size is \(96, 96, 3\); .*"),
        ({"n": 0}, ValueError, "Scenes: n is 0; it must be at least 1"),
        ({"n": 1.5}, TypeError, "Scenes: n is 1.5; it must be a whole number"),
        ({"seed": -1}, ValueError, "Scenes: seed is -1; it must be at least 0"),
        ({"variant": "beach"}, ValueError, "Scenes: variant is 'beach'; .* street, parts, context, mosaic, multiscale"),
        ({"variant": ["street"]}, ValueError, r"Scenes: variant is \['street'\]; .*"),
    ],
)
def test_bad_arguments(arguments, error, message):
    with pytest.raises(error, match=f"^{message}$"):
        Scenes(**arguments)


def test_bad_index():
    ds = Scenes(3)
    for index in (3, -4):
        with pytest.raises(
            IndexError, match=f"^Scenes: index {index} is out of range; the set has 3 pictures, 0 to 2$"
        ):
            ds[index]
    with pytest.raises(TypeError, match=r"^Scenes: index is 'a'; it must be a whole number$"):
        ds["a"]
