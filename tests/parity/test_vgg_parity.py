"""VGG against torchvision in float64, and FC6 as a convolution against its linear layer, slid over a map by hand."""

import pytest
import torch
from torch import nn
from torchvision.models import vgg as reference

from course_lib.models import FCN, VGG

LAYOUT = (1, 1, "M", 2, 2, "M", 4, 4, 4, "M", 8, 8, 8, "M", 8, 8, 8, "M")


def randomized(module, seed=0):
    """Every parameter and buffer at random, so that a mix-up shows, with activations of order one."""
    rng = torch.Generator().manual_seed(seed)
    module = module.to_empty(device="cpu").double().eval()
    for key, value in module.state_dict().items():
        if key.endswith("num_batches_tracked"):
            value.fill_(3)
        elif value.ndim > 1:
            value.normal_(0, (2 / value[0].numel()) ** 0.5, generator=rng)
        elif key.endswith("running_var"):
            value.uniform_(0.5, 1.5, generator=rng)
        else:
            value.normal_(1.0 if "weight" in key else 0.0, 0.2, generator=rng)
    return module


def oracle(batch_norm, width, hidden=40):
    """torchvision's VGG-16 of another width, with a small classifier; built without memory, then filled."""
    with torch.device("meta"):
        layers = reference.make_layers([w if w == "M" else w * width for w in LAYOUT], batch_norm)
        model = reference.VGG(layers, init_weights=False)
        model.classifier[0] = nn.Linear(8 * width * 49, hidden)
        model.classifier[3] = nn.Linear(hidden, hidden)
        model.classifier[6] = nn.Linear(hidden, 7)
    return randomized(model)


@pytest.mark.parametrize(
    ("batch_norm", "width", "size"), [(False, 8, (97, 130)), (True, 8, (65, 33)), (True, 64, (33, 45))]
)
@torch.no_grad()
def test_features_equal_torchvision(batch_norm, width, size):
    theirs = oracle(batch_norm, width)
    ours = VGG("vgg16_bn" if batch_norm else "vgg16", width, num_classes=None).double().eval().load(theirs.state_dict())
    images = torch.randn(2, 3, *size, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    maps, x = [], images
    for layer in theirs.features:
        x = layer(x)
        if isinstance(layer, nn.MaxPool2d):
            maps.append(x)
    assert maps[-1].std() > 0.01
    for our, their in zip(ours.features_at(images), maps, strict=True):
        torch.testing.assert_close(our, their, rtol=0, atol=1e-9)
    torch.testing.assert_close(ours(images), maps[-1], rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", ["vgg16", "vgg16_bn"])
@torch.no_grad()
def test_class_logits_equal_torchvision_at_any_size(name):
    theirs = oracle(name == "vgg16_bn", width=2, hidden=128)
    ours = VGG(name, width=2, num_classes=7).double().eval().load(theirs.state_dict())
    for size in ((224, 224), (97, 130), (32, 75)):
        images = torch.randn(1, 3, *size, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
        assert theirs(images).std() > 0.01
        torch.testing.assert_close(ours(images), theirs(images), rtol=0, atol=1e-9)


@pytest.mark.parametrize("batch_norm", [False, True])
def test_gradients_in_training_mode(batch_norm):
    theirs = oracle(batch_norm, width=4).features.train()
    ours = VGG("vgg16_bn" if batch_norm else "vgg16", 4, num_classes=None).double().train()
    ours.features.load_state_dict(theirs.state_dict())
    images = torch.randn(3, 3, 47, 66, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    ours(images).square().sum().backward()
    theirs(images).square().sum().backward()
    assert theirs[0].weight.grad.abs().max() > 1e-3
    for our, their in zip(ours.features.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(our.grad, their.grad, rtol=1e-9, atol=1e-9)


@torch.no_grad()
def test_fc6_and_fc7_as_convolutions_are_the_linear_layers_slid_over_the_map():
    theirs = oracle(batch_norm=False, width=64)
    ours = FCN(5, "32s", width=64, head_width=40).double().eval().load(theirs.state_dict(), "vgg16")
    assert ours.fc6.weight.shape == (40, 512, 7, 7)
    maps = torch.randn(2, 512, 9, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    slid = torch.relu(ours.fc7(torch.relu(ours.fc6(maps))))
    assert slid.shape == (2, 40, 3, 2)
    for i in range(3):
        for j in range(2):
            window = maps[:, :, i : i + 7, j : j + 7].flatten(1)
            expected = theirs.classifier[:5](window)  # FC6, ReLU, dropout, FC7, ReLU
            torch.testing.assert_close(slid[:, :, i, j], expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("padding", [100, 1])
@torch.no_grad()
def test_the_segmenter_keeps_the_classifiers_features(padding):
    """Away from the border FCN's pool3 is VGG's, 100 - 1 pixels (not a multiple of 8, so of an image moved by 5) further on."""
    theirs = oracle(batch_norm=True, width=8)
    ours = FCN(5, "8s", width=8, head_width=40, batch_norm=True, padding=padding).double().eval()
    ours.load(theirs.state_dict(), "vgg16")
    images = torch.randn(1, 3, 160, 160, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    expected = theirs.features[:24](images)  # three stages
    moved = images if padding == 1 else torch.nn.functional.pad(images, (5, 0, 5, 0))
    found = ours.vgg.features_at(moved)[2]
    first = 0 if padding == 1 else 13  # (99 + 5) / 8
    found = found[..., first : first + 20, first : first + 20]
    torch.testing.assert_close(found[..., 4:-4, 4:-4], expected[..., 4:-4, 4:-4], rtol=0, atol=1e-9)
