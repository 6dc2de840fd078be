"""What all tests share: capabilities (data, browser, cuda), real data folders, a private progress file."""

import os
import shutil
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[1]
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome") or ""
TEST_DATA = Path(os.environ.get("COURSE_TEST_DATA", ROOT.parent / "shared" / "data"))

CAPABILITIES = {
    "data": (
        (TEST_DATA / "camvid" / "train").is_dir(),
        "real test data: set COURSE_TEST_DATA to a folder with camvid/ and isbi2012/",
    ),
    "browser": (bool(CHROMIUM), "a browser: install chromium or set CHROMIUM to its path"),
    "cuda": (torch.cuda.is_available(), "a CUDA device"),
}


def pytest_addoption(parser):
    parser.addoption(
        "--require", default="", help="comma-separated capabilities whose absence is a failure, not a skip"
    )


def pytest_runtest_setup(item):
    required = set(filter(None, item.config.getoption("--require").split(",")))
    for mark in item.iter_markers("needs"):
        present, remedy = CAPABILITIES[mark.args[0]]
        if not present and mark.args[0] in required:
            pytest.fail(f"required: {remedy}", pytrace=False)
        if not present:
            pytest.skip(f"needs {remedy}")


@pytest.fixture(autouse=True)
def _private_progress(tmp_path, monkeypatch):
    """No test touches a learner's real progress."""
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "progress.json"))


@pytest.fixture(scope="session")
def test_data() -> Path:
    return TEST_DATA


@pytest.fixture(scope="session")
def chromium_path() -> str:
    return CHROMIUM
