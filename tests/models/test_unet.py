"""course_lib.models: what every model promises (UNet, ResNet), sizes, parameter counts, mistakes."""

import pytest
import torch

from course_lib.models import ResNet, UNet
from course_lib.training import fit, predict


def parameters(model):
    return sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize(
    ("up", "counts"),
    [
        ("transposed", [31_037_633, 31_037_698, 31_038_803, 31_038_933]),
        ("bilinear", [17_262_977, 17_263_042, 17_264_147, 17_264_277]),
    ],
)
def test_parameters_of_the_common_padded_unet(up, counts):
    with torch.device("meta"):
        assert [parameters(UNet(3, classes, up=up)) for classes in (1, 2, 19, 21)] == counts


@pytest.mark.parametrize("up", ["transposed", "bilinear"])
@pytest.mark.parametrize("size", [(9, 9), (9, 40), (16, 16), (17, 31), (33, 50), (48, 64)])
def test_logits_have_the_size_of_the_image(up, size):
    net = UNet(3, 5, width=2, up=up).eval()
    assert net(torch.randn(2, 3, *size)).shape == (2, 5, *size)


def test_depth_width_and_channels():
    net = UNet(in_channels=1, num_classes=4, width=3, depth=2)
    assert net(torch.randn(1, 1, 10, 7)).shape == (1, 4, 10, 7)
    assert [block[0].out_channels for block in net.encoder] == [3, 6, 12]
    assert net.mean.shape == net.std.shape == (1,)
    assert UNet(width=2).mean.tolist() == pytest.approx([0.485, 0.456, 0.406])
    assert not any(key in ("mean", "std") for key in net.state_dict())


def test_an_odd_image_is_reflected_not_padded_with_zeros():
    """Cropping the logits of the image that was reflected by hand gives the same; so does no zero ever enter."""
    net = UNet(3, 2, width=2, depth=3).eval()
    image = torch.randn(1, 3, 21, 13)
    by_hand = torch.cat([image, image[:, :, 17:20].flip(2)], dim=2)
    by_hand = torch.cat([by_hand, by_hand[..., 9:12].flip(3)], dim=3)
    torch.testing.assert_close(net(image), net(by_hand)[..., :21, :13], rtol=0, atol=1e-6)


def test_every_skip_and_level_is_used():
    torch.manual_seed(0)
    net = UNet(3, 2, width=4, depth=3)
    net(torch.randn(4, 3, 16, 16)).square().mean().backward()
    assert all(p.grad.abs().sum() > 0 for p in net.parameters())


@pytest.mark.parametrize(
    ("model", "images", "message"),
    [
        (lambda: UNet(width=2), torch.zeros(1, 3, 8, 40), r"UNet: images must be at least 9 x 9 pixels, not \(8, 40\)"),
        (
            lambda: UNet(width=2),
            torch.zeros(1, 1, 16, 16),
            r"UNet: images must be \(N, 3, H, W\), not \(1, 1, 16, 16\)",
        ),
        (lambda: UNet(width=2), torch.zeros(3, 16, 16), r"UNet: images must be \(N, 3, H, W\), not \(3, 16, 16\)"),
        (
            lambda: UNet(width=2),
            torch.zeros(1, 3, 16, 16).long(),
            "UNet: images must be a float tensor, not torch.int64",
        ),
        (lambda: UNet(width=2), "picture.png", "UNet: images must be a float tensor, not str"),
        (lambda: UNet(width=2), torch.zeros(1, 3, 16, 16), "one 16 x 16 image leaves one pixel at the lowest level"),
        (lambda: ResNet("resnet18", width=2), torch.zeros(1, 1, 16, 16), r"ResNet: images must be \(N, 3, H, W\)"),
        (
            lambda: ResNet("resnet18", width=2),
            torch.zeros(1, 3, 16, 16, dtype=torch.uint8),
            "ResNet: images must be a float",
        ),
    ],
)
def test_bad_images_get_one_sentence(model, images, message):
    with pytest.raises((ValueError, TypeError), match=message):
        model()(images)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: UNet(up="nearest"), 'UNet: up must be "transposed", "bilinear" or "mmseg", not \'nearest\''),
        (lambda: UNet(depth=0), "UNet: depth must be at least 1, not 0"),
        (lambda: UNet(num_classes=0), "UNet: num_classes must be at least 1, not 0"),
        (
            lambda: ResNet("resnet51"),
            "ResNet: name must be one of resnet18, resnet34, resnet50, resnet101, not 'resnet51'",
        ),
        (lambda: ResNet("resnet18", output_stride=4), "ResNet: output_stride must be 32, 16 or 8, not 4"),
        (lambda: UNet(width=2).load({}, source="timm"), 'UNet: source must be "milesial" or "mmseg", not \'timm\''),
        (
            lambda: ResNet("resnet18", width=2).load({}, source="timm"),
            "ResNet: source must be \"torchvision\", not 'timm'",
        ),
    ],
)
def test_bad_options_get_one_sentence(build, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        build()


def test_load_names_the_keys_of_another_model():
    net = UNet(width=2, depth=1)
    state = {
        "inc.double_conv.0.weight": torch.zeros(4, 3, 3, 3),
        "outc.conv.weight": torch.zeros(2, 2, 1, 1),
        "head.weight": torch.zeros(1),
    }
    with pytest.raises(ValueError, match=r"^UNet: these weights are of another model: \d+ missing") as error:
        net.load(state)
    assert "encoder.0.1.weight" in str(error.value)
    assert "1 extra (head.weight)" in str(error.value)
    assert "1 misshapen (encoder.0.0.weight (4, 3, 3, 3) for (2, 3, 3, 3))" in str(error.value)


@pytest.mark.parametrize("stride", [32, 16, 8])
def test_feature_maps_of_the_backbone(stride):
    net = ResNet("resnet18", output_stride=stride, width=4, num_classes=None).eval()
    maps = net.features(torch.randn(1, 3, 97, 130))
    strides = [min(s, stride) for s in (2, 4, 8, 16, 32)]
    assert [tuple(m.shape) for m in maps] == [
        (1, c, -(-97 // s), -(-130 // s)) for c, s in zip(net.channels, strides, strict=True)
    ]
    assert net.channels == [4, 4, 8, 16, 32]
    torch.testing.assert_close(net(torch.ones(1, 3, 40, 40)), net.features(torch.ones(1, 3, 40, 40))[-1])


@pytest.mark.parametrize(
    ("name", "count"),
    [("resnet18", 11_689_512), ("resnet34", 21_797_672), ("resnet50", 25_557_032), ("resnet101", 44_549_160)],
)
def test_parameters_of_resnets(name, count):
    with torch.device("meta"):
        assert parameters(ResNet(name)) == count
        head = 1000 * (ResNet(name).channels[-1] + 1)
        assert parameters(ResNet(name, num_classes=None)) == count - head


def test_a_unet_learns_a_picture():
    """Through `fit` and `predict`, so with the model's own statistics: a bright disc on noise."""
    y, x = torch.meshgrid(torch.arange(24), torch.arange(20), indexing="ij")
    disc = ((y - 11) ** 2 + (x - 9) ** 2 < 36).long()
    torch.manual_seed(0)
    data = [((0.3 * torch.rand(3, 24, 20) + 0.5 * disc), {"semantic": disc}) for _ in range(4)]
    net = UNet(3, 2, width=4, depth=2)
    fit(net, data, steps=40, batch_size=4, lr=0.02, progress=False, device="cpu")
    assert (predict(net, data[0][0]) == disc).float().mean() > 0.98
