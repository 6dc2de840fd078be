import csv
import json

import pytest
import torch
from torch import nn

from course_lib import evidence


@pytest.fixture
def results(tmp_path, monkeypatch):
    """A results folder with one experiment: two arms, three seeds."""
    monkeypatch.setattr(evidence, "RESULTS", tmp_path)
    monkeypatch.setenv("COURSE_PROFILE", "full")
    arms = [
        {
            "name": name,
            "params": 1234,
            "macs": 5_600_000,
            "runs": [{"seed": s, "seconds": 2.0, "metrics": {"miou": value}} for s, value in enumerate(values)],
        }
        for name, values in {"plain": (0.50, 0.52, 0.54), "steady": (0.7, 0.7, 0.7)}.items()
    ]
    evidence.save("07_trial", command="python -m trial", arms=arms)
    return tmp_path


def test_a_record_says_how_it_was_made(results):
    record = evidence.load("07_trial")
    assert set(record) == {"command", "commit", "machine", "threads", "profile", "arms"}
    assert record["threads"] == torch.get_num_threads()
    assert record["profile"] == "full"
    assert torch.__version__ in record["machine"]
    assert [p.name for p in results.iterdir()] == ["07_trial.json"]


def test_mean_and_sample_deviation(results):
    mean, sd = evidence.mean_sd("07_trial", "plain", "miou")
    assert mean == pytest.approx(0.52)
    assert sd == pytest.approx(0.02)
    with pytest.raises(KeyError, match=r"no arm 'other'; it has \['plain', 'steady'\]"):
        evidence.mean_sd("07_trial", "other", "miou")
    with pytest.raises(FileNotFoundError, match=r"no results/08.json; there are \['07_trial'\]"):
        evidence.load("08")


@pytest.mark.parametrize(("arm", "live", "fits"), [("plain", 0.599, True), ("plain", 0.601, False), ("steady", 0.719, True),
                                                   ("steady", 0.679, False), ("steady", float("nan"), False)])  # fmt: skip
def test_live_values_must_lie_within_four_deviations_or_two_hundredths(results, arm, live, fits):
    if fits:
        assert f"{arm}: miou is {live:.4f} here" in evidence.agrees("07_trial", arm, "miou", live)
    else:
        with pytest.raises(AssertionError, match="away"):
            evidence.agrees("07_trial", arm, "miou", live)


def test_arms_may_have_unequal_numbers_of_seeds(results):
    file = results / "07_trial.json"
    record = json.loads(file.read_text())
    record["arms"][0]["runs"] += [run | {"seed": run["seed"] + 3} for run in record["arms"][0]["runs"]]
    record["arms"].append(
        {"name": "most frequent class", "params": 0, "macs": 0, "runs": record["arms"][0]["runs"][:1]}
    )
    file.write_text(json.dumps(record))
    assert "3 to 6 seeds" in repr(evidence.table("07_trial", {"miou": "mIoU"}))
    many, few = (arm["name"] for arm in record["arms"][:2])
    assert "over 6 seeds" in evidence.agrees("07_trial", many, "miou", evidence.mean_sd("07_trial", many, "miou")[0])
    assert "over 3 seeds" in evidence.agrees("07_trial", few, "miou", evidence.mean_sd("07_trial", few, "miou")[0])


def test_a_table_reads_in_a_terminal_and_in_a_notebook(results):
    table = evidence.table("07_trial", {"miou": "mIoU"}, digits={"miou": 2})
    lines = repr(table).splitlines()
    assert "3 seeds" in lines[0]
    assert "python -m trial" in lines[0]
    assert lines[2].split() == ["plain", "1,234", "5.6", "M", "0.52", "±", "0.02", "2", "s"]
    html = table._repr_html_()
    assert '<th scope="col"' in html
    assert '<td style="text-align:left">0.52 ± 0.02</td>' in html
    assert "&lt;b&gt;" in evidence.Table(["<b>"], [["x"]])._repr_html_()


def test_published_numbers_carry_their_conditions():
    table = evidence.published("deeplabv3plus-xc-voc12-test-jft", "fcn8s-voc11-test")
    assert [row[5] for row in table.rows] == ["89.0", "62.7"]
    assert "JFT" in table.rows[0][6]
    with pytest.raises(KeyError, match="no key 'nothing'"):
        evidence.published("nothing")


def test_the_published_file_is_complete():
    with evidence.PUBLISHED.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len({row["key"] for row in rows}) == len(rows) > 30
    for row in rows:
        assert all(row.values()), row
        is_price = row["metric"].startswith(("seconds", "minutes", "multiply-adds"))
        assert 0 < float(row["value"]) < (1000 if is_price else 100), row


def test_committed_results_have_three_seeds_and_a_command():
    files = sorted(evidence.RESULTS.glob("*.json"))
    assert files
    for file in files:
        record = json.loads(file.read_text(encoding="utf-8"))
        assert record["command"].startswith("python -m course_lib.experiments."), file
        for arm in record["arms"]:
            learns = arm["params"] > 0 and "checkpoint" not in arm
            assert (evidence.ROOT / arm.get("checkpoint", "results")).exists()
            assert len({run["seed"] for run in arm["runs"]}) >= (3 if learns else 1), (file.name, arm["name"])
            assert len({frozenset(run["metrics"]) for run in arm["runs"]}) == 1


def test_multiply_adds_of_a_convolution_by_hand():
    layer = nn.Conv2d(3, 8, 3, padding=1).train()
    assert evidence.macs(layer, torch.zeros(2, 3, 10, 12)) == 2 * 10 * 12 * 8 * 3 * 9
    assert layer.training
