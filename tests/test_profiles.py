"""course_lib.profiles."""

import pytest
import torch

from course_lib import profiles


@pytest.fixture(autouse=True)
def _no_choice(monkeypatch):
    monkeypatch.delenv("COURSE_PROFILE", raising=False)


@pytest.mark.parametrize(
    ("cuda", "mps", "name", "device"),
    [
        (False, False, "laptop", "cpu"),
        (False, True, "laptop", "mps"),
        (True, False, "gpu", "cuda"),
        (True, True, "gpu", "cuda"),
    ],
)
def test_the_profile_follows_the_machine(monkeypatch, cuda, mps, name, device):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert profiles.current() == profiles.Profile(name, torch.device(device))


@pytest.mark.parametrize("name", ["laptop", "gpu", "full"])
def test_the_environment_overrides_the_name_not_the_device(monkeypatch, name):
    device = profiles.current().device
    monkeypatch.setenv("COURSE_PROFILE", name)
    assert profiles.current() == profiles.Profile(name, device)


def test_an_unknown_profile_is_named(monkeypatch):
    monkeypatch.setenv("COURSE_PROFILE", "desktop")
    with pytest.raises(ValueError, match=r"^profiles: COURSE_PROFILE must be one of laptop, gpu, full, not 'desktop'$"):
        profiles.current()
    monkeypatch.setenv("COURSE_PROFILE", "")  # set but empty counts as unset
    assert profiles.current().name in ("laptop", "gpu")


def test_pick():
    values = {name: profiles.Profile(name, torch.device("cpu")) for name in profiles.NAMES}
    assert [p.pick(laptop=1, gpu=2, full=3) for p in values.values()] == [1, 2, 3]
    assert values["full"].pick(laptop=1, gpu=2) == 2
    assert values["full"].pick(laptop=1, gpu=2, full=None) is None
    with pytest.raises(TypeError):
        values["laptop"].pick(laptop=1)
