"""ResNet against torchvision in float64: every layout, every output stride, random batch statistics, odd sizes."""

import pytest
import torch
import torchvision
from torch import nn

from course_lib import ops
from course_lib.models import ResNet


def randomize(model, seed=0):
    """Batch statistics and scales that are not 1 and 0, so that a mix-up shows, yet keep activations of order one."""
    rng = torch.Generator().manual_seed(seed)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1, generator=rng)
            module.running_var.uniform_(0.5, 1.5, generator=rng)
            module.weight.data.uniform_(0.3, 0.7, generator=rng)
            module.bias.data.normal_(0, 0.1, generator=rng)
    return model.double().eval()


def dilate(block, stride, before, behind):
    """torchvision has no dilated basic blocks: set its convolutions by hand, the new rate behind the stride that went."""
    block.conv1.stride, block.conv1.dilation, block.conv1.padding = (stride,) * 2, (before,) * 2, (before,) * 2
    block.conv2.dilation, block.conv2.padding = (behind,) * 2, (behind,) * 2
    if block.downsample is not None:
        block.downsample[0].stride = (stride,) * 2


def reference(name, output_stride):
    replaced = {32: (False, False), 16: (False, True), 8: (True, True)}[output_stride]
    build = getattr(torchvision.models, name)
    if name in ("resnet50", "resnet101"):
        return randomize(build(weights=None, replace_stride_with_dilation=(False, *replaced)))
    model, dilation = build(weights=None), 1
    for stage, dilated in zip((model.layer3, model.layer4), replaced, strict=True):
        previous, dilation = dilation, dilation * (2 if dilated else 1)
        for i, block in enumerate(stage):
            dilate(block, 2 if i == 0 and not dilated else 1, previous if i == 0 else dilation, dilation)
    return randomize(model)


def reference_features(model, x):
    maps = [model.relu(model.bn1(model.conv1(x)))]
    x = model.maxpool(maps[0])
    for stage in (model.layer1, model.layer2, model.layer3, model.layer4):
        x = stage(x)
        maps.append(x)
    return maps


@pytest.mark.parametrize("output_stride", [32, 16, 8])
@pytest.mark.parametrize("name", ["resnet18", "resnet34", "resnet50"])
@torch.no_grad()
def test_features_and_logits_equal_torchvision(name, output_stride):
    oracle = reference(name, output_stride)
    net = ResNet(name, output_stride=output_stride).double().eval().load(oracle.state_dict())
    images = torch.randn(1, 3, 65, 97, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    expected = reference_features(oracle, images)
    assert expected[-1].std() > 0.05
    for ours, theirs in zip(net.features(images), expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-9)
    torch.testing.assert_close(net(images), oracle(images), rtol=0, atol=1e-9)


@pytest.mark.parametrize("output_stride", [16, 8])
@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
@torch.no_grad()
def test_a_dilated_net_is_the_dense_version_of_the_strided_one(name, output_stride):
    strided = randomize(ResNet(name, width=8, num_classes=None))
    images = torch.randn(2, 3, 97, 66, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    dense = ResNet(name, width=8, num_classes=None, output_stride=output_stride).double().eval()
    dense.load(strided.state_dict())
    step = 32 // output_stride
    torch.testing.assert_close(dense(images)[..., ::step, ::step], strided(images), rtol=0, atol=1e-9)
    torch.testing.assert_close(ops.dilated(strided, output_stride)(images), dense(images), rtol=0, atol=1e-9)


@torch.no_grad()
def test_resnet101_dilated():
    oracle = reference("resnet101", 8)
    net = ResNet("resnet101", output_stride=8).double().eval().load(oracle.state_dict())
    images = torch.randn(1, 3, 33, 49, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(net(images), oracle(images), rtol=0, atol=1e-9)


def test_gradients_in_training_mode():
    oracle = reference("resnet18", 16).train()
    net = ResNet("resnet18", output_stride=16).double().load(oracle.state_dict()).train()
    images = torch.randn(3, 3, 47, 33, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    for model in (net, oracle):
        model(images).square().mean().backward()
    for key in ("conv1.weight", "layer3.0.conv1.weight", "layer4.1.bn2.weight", "fc.bias"):
        torch.testing.assert_close(net.get_parameter(key).grad, oracle.get_parameter(key).grad, rtol=0, atol=1e-9)
    torch.testing.assert_close(net.layer4[1].bn2.running_var, oracle.layer4[1].bn2.running_var, rtol=0, atol=1e-9)


def test_a_backbone_takes_a_classifier_without_its_head_and_old_files():
    oracle = reference("resnet18", 32)
    state = {key: value for key, value in oracle.state_dict().items() if not key.endswith("num_batches_tracked")}
    net = ResNet("resnet18", num_classes=None).double().eval().load(state)
    images = torch.randn(1, 3, 40, 40, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(net(images), reference_features(oracle, images)[-1], rtol=0, atol=1e-9)
    del state["layer1.0.conv1.weight"]
    with pytest.raises(
        ValueError, match=r"^ResNet: these weights are of another model: 1 missing \(layer1.0.conv1.weight\)"
    ):
        net.load(state)
