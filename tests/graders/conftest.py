"""The assertions of the harness explain themselves."""

import pytest

pytest.register_assert_rewrite("harness")
