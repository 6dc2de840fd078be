import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from course_lib import datasets, evidence
from course_lib.experiments import segnet_unpooling
from course_lib.experiments.segnet_unpooling import ARMS, places
from course_lib.training import evaluate


def test_all_arms_share_their_weights_and_their_cost():
    models = [segnet_unpooling.build(arm, 1) for arm in ARMS]
    first, *others = (m.state_dict() for m in models)
    for state in others:
        assert state.keys() == first.keys()
        assert all(torch.equal(state[k], first[k]) for k in first)
    assert len({evidence.macs(m, torch.zeros(1, 3, 96, 96)) for m in models}) == 1


@pytest.mark.parametrize("arm", ARMS)
@pytest.mark.parametrize("size", [(33, 50), (96, 96)])
def test_every_arm_takes_any_size_and_repeats_itself(arm, size):
    model, images = segnet_unpooling.build(arm, 0).eval(), torch.randn(2, 3, *size)
    assert model(images).shape == (2, 9, *size)
    assert torch.equal(model(images), model(images))


def test_arms_differ_from_each_other():
    images = torch.randn(1, 3, 32, 32)
    answers = [segnet_unpooling.build(arm, 0).eval()(images) for arm in ARMS]
    for i, a in enumerate(answers):
        assert not any(torch.allclose(a, b, atol=1e-3) for b in answers[:i])


@pytest.mark.parametrize("size", [(6, 8), (5, 7)])
def test_places_in_the_windows(size):
    x = torch.rand(2, 3, *size)
    pooled, indices = F.max_pool2d(x, 2, ceil_mode=True, return_indices=True)
    rows, columns = indices // size[1] % 2, indices % size[1] % 2
    assert torch.equal(places(rows, columns, size), indices)
    zero = torch.zeros_like(indices)
    corner = F.max_unpool2d(pooled, places(zero, zero, size), 2, output_size=size)
    assert torch.equal(corner[..., ::2, ::2], pooled)
    assert (corner > 0).sum() == pooled.numel()


def test_random_places_are_all_four_new_in_training_and_inside_of_odd_maps():
    model, x = segnet_unpooling.build("random indices", 0), torch.ones(1, 1, 40, 40)
    hit = model.unpool(x, None, (79, 80))
    assert hit.sum() == 1600
    shares = F.pad(hit, (0, 0, 0, 1)).unflatten(-2, (40, 2)).unflatten(-1, (40, 2))[:, :, :39].mean((0, 1, 2, 4))
    assert_close(shares, torch.full((2, 2), 0.25), atol=0.05, rtol=0)
    assert not torch.equal(hit, model.train().unpool(x, None, (79, 80)))


def test_features_reach_the_decoder_only_where_they_are_added():
    """With the encoder's deepest stage dead, only added features can tell two pictures apart."""
    torch.manual_seed(0)
    one, two = torch.randn(2, 1, 3, 32, 32)
    differs = {}
    for arm in ("bilinear", "bilinear, features added", "pooling indices, features added"):
        model = segnet_unpooling.build(arm, 0).eval()
        for parameter in model.encoder[-1].parameters():
            torch.nn.init.zeros_(parameter)
        differs[arm] = not torch.allclose(model(one), model(two))
    assert list(differs.values()) == [False, True, True]


@pytest.fixture
def quick(monkeypatch, tmp_path):
    """The experiment on eight small scenes, three steps, two rates; weights go to a temporary folder."""
    monkeypatch.setattr(segnet_unpooling, "scenes", lambda: [datasets.Scenes(8, 64, seed=s) for s in range(3)])
    monkeypatch.setattr(segnet_unpooling, "RATES", (1e-9, 0.01))
    monkeypatch.setattr(segnet_unpooling, "STEPS", 3)
    shipped = {arm: tmp_path / path.name for arm, path in segnet_unpooling.SHIPPED.items()}
    monkeypatch.setattr(segnet_unpooling, "SHIPPED", shipped)
    return segnet_unpooling


def test_a_record_has_the_rate_that_did_best_on_the_scenes_for_choosing(quick, monkeypatch):
    train_set, choice, test = quick.scenes()
    monkeypatch.setattr(quick, "scenes", lambda: (train_set, choice, test))
    asked = []

    def evaluate(model, dataset, **options):
        asked.append(dataset)
        return {"miou": 0.9 - len(asked) / 10}  # the first rate looks best

    monkeypatch.setattr(quick, "evaluate", evaluate)
    monkeypatch.setattr(quick, "measure", lambda model, dataset: {"on_test": float(dataset is test)})
    record = quick.arm_record("bilinear")
    assert asked == [choice, choice]
    assert record["lr"] == 1e-9
    assert record["rates"] == {"1e-09": 0.8, "0.01": 0.7}
    assert [(run["seed"], run["metrics"]) for run in record["runs"]] == [(s, {"on_test": 1.0}) for s in range(3)]


def test_the_shipped_network_is_that_of_seed_0(quick):
    record = quick.arm_record("pooling indices")
    again = quick.train("pooling indices", 0, quick.scenes()[0], record["lr"]).state_dict()
    for key, value in quick.pretrained("pooling indices").state_dict().items():
        assert_close(value, again[key], rtol=1e-3, atol=1e-3)
    assert set(record["runs"][0]["metrics"]) == {
        *("accuracy", "miou", "low", "high", "things", "boundary_f1", "boundary_1px")
    }


@pytest.mark.parametrize("arm", segnet_unpooling.SHIPPED)
def test_the_committed_weights_are_the_committed_arm(arm):
    scenes = datasets.Scenes(20, 96, seed=1)
    mean, _ = evidence.mean_sd("07_unpooling", arm, "accuracy")
    assert evaluate(segnet_unpooling.pretrained(arm), scenes)["accuracy"] == pytest.approx(mean, abs=0.05)
    assert segnet_unpooling.SHIPPED[arm].stat().st_size <= 2e6
