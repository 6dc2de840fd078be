import torch

from course_lib import evidence
from course_lib.experiments import street_unet
from course_lib.training import evaluate, predict


def test_the_base_rate_is_the_share_of_the_most_frequent_class():
    train, val = street_unet.scenes()
    few = torch.utils.data.Subset(val, range(8))
    base = street_unet.MostFrequent(train, 9)
    pixels = torch.cat([few[i][1]["semantic"].flatten() for i in range(8)])
    score = evaluate(base, few, num_classes=9)
    assert abs(score["accuracy"] - (pixels == base.best).float().mean().item()) < 1e-6
    assert score["miou"] < 0.1


def test_the_shipped_weights_score_as_the_table_says():
    _, val = street_unet.scenes()
    score = evaluate(street_unet.pretrained(), val)
    assert evidence.agrees("00_street_unet", "1500 steps", "miou", score["miou"])
    assert street_unet.WEIGHTS.stat().st_size < 2_000_000


def test_the_shipped_network_takes_odd_sizes():
    labels = predict(street_unet.pretrained(), torch.rand(3, 67, 91))
    assert labels.shape == (67, 91)
    assert labels.dtype == torch.int64
