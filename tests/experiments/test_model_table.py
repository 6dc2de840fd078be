import json

import pytest
import torch
from torch.utils.data import Subset
from torchvision.transforms import v2

from course_lib import datasets, evidence
from course_lib.experiments import model_table
from course_lib.experiments.camvid_unet import InMemory
from course_lib.models import UNet


@pytest.fixture
def few():
    """A protocol of a few small pictures and two steps."""
    train, choice, test = (datasets.Scenes(n, 64, seed=seed) for seed, n in enumerate((6, 3, 4)))
    return model_table.Protocol(InMemory(train, v2.RandomHorizontalFlip()), choice, test, steps=2, batch_size=3)


def small() -> UNet:
    return UNet(3, 9, width=2, depth=2)


def test_all_rows_cost_about_the_same_on_the_laptop(monkeypatch):
    monkeypatch.setenv("COURSE_PROFILE", "laptop")
    costs = {n: evidence.macs(build(), torch.zeros(1, 3, 96, 96)) for n, build in model_table.models(9).items()}
    assert max(costs.values()) < 1.3 * min(costs.values())


def test_the_gpu_profile_builds_the_papers_widths(monkeypatch):
    monkeypatch.setenv("COURSE_PROFILE", "gpu")
    with torch.device("meta"):
        rows = model_table.models(11)
        sizes = {name: sum(p.numel() for p in rows[name]().parameters()) for name in ("SegNet", "U-Net")}
    assert sizes == {"SegNet": 29_449_355, "U-Net": 31_038_283}


def test_a_row_chooses_its_rate_and_measures_every_seed(few):
    row = model_table.row("small", small, few, seeds=2)
    assert list(row["rates"]) == [str(rate) for rate in model_table.RATES]
    assert row["rates"][str(row["lr"])] == max(row["rates"].values())
    assert row["params"] == sum(p.numel() for p in small().parameters())
    assert [run["seed"] for run in row["runs"]] == [0, 1]
    assert set(row["runs"][0]["metrics"]) == {"miou", "miou_low", "miou_high", "boundary_f1", "accuracy"}
    assert all(m["miou_low"] <= m["miou"] <= m["miou_high"] for m in (run["metrics"] for run in row["runs"]))
    assert row["runs"][0]["metrics"] != row["runs"][1]["metrics"]


def test_the_base_row_answers_one_class(few):
    metrics = model_table.base_row(few)["runs"][0]["metrics"]
    assert metrics["miou"] == pytest.approx(metrics["accuracy"] / 9, abs=2e-3)
    assert metrics["boundary_f1"] == 0


def test_the_training_pictures_are_flipped_and_the_others_are_not(monkeypatch):
    monkeypatch.setenv("COURSE_PROFILE", "laptop")
    monkeypatch.setattr(datasets, "Scenes", lambda n, size, seed: [(seed, n)])
    protocol = model_table.street()
    assert isinstance(protocol.train.transform, v2.RandomHorizontalFlip)
    assert (protocol.train.samples, protocol.choice, protocol.test) == ([(0, 600)], [(1, 100)], [(2, 200)])


def test_without_camvid_one_sentence(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"model_table: no camvid/ in \$COURSE_DATA"):
        model_table.camvid()


@pytest.mark.needs("data")
def test_camvid_trains_and_the_rate_is_chosen_on_late_training_frames(monkeypatch, test_data):
    monkeypatch.setenv("COURSE_DATA", str(test_data))
    protocol = model_table.camvid(size=(48, 64))
    first = protocol.choice.indices[0]
    assert isinstance(protocol.choice, Subset)
    assert (len(protocol.train), len(protocol.test), protocol.choice.indices[-1]) == (367, 101, 366)
    assert first == 293
    assert protocol.steps == 2 * 367 // 8
    seen = []
    monkeypatch.setattr(model_table, "train", lambda build, p, lr, seed, data=None: seen.append(data) or (build(), 0.0))
    row = model_table.row("small", lambda: UNet(3, 11, width=2, depth=2), protocol, seeds=1)
    assert [len(data) if data is not None else None for data in seen] == [first] * len(model_table.RATES) + [None]
    assert 0 <= row["runs"][0]["metrics"]["miou"] < 0.5


def test_the_committed_table_has_the_rows_of_the_script():
    record = json.loads((evidence.RESULTS / "06_models.json").read_text(encoding="utf-8"))
    assert [arm["name"] for arm in record["arms"]] == [model_table.BASE, *model_table.models(9)]
    for arm in record["arms"][1:]:
        assert list(arm["rates"]) == [str(rate) for rate in model_table.RATES]
        assert arm["rates"][str(arm["lr"])] == max(arm["rates"].values()), arm["name"]
