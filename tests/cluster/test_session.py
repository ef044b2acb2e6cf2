"""What is said where a cluster cannot be joined."""

import platform

import pytest
import ray
from ray._private.utils import check_version_info

from league.cluster.session import _reason

HERE = ray.__version__, platform.python_version()


@pytest.mark.parametrize("there", [("2.59.0", HERE[1]), (HERE[0], "3.10.2"), ("2.59.0", "3.10.2")])
def test_other_versions_are_named(there: tuple[str, str]) -> None:
    with pytest.raises(RuntimeError) as refused:
        check_version_info({"ray_version": there[0], "python_version": there[1]}, "node 10.0.0.1")
    assert _reason(str(refused.value)) == (
        f"it runs Ray {there[0]} on Python {there[1]}, this process Ray {HERE[0]} on Python {HERE[1]}: "
        "install the same in both places"
    )


def test_any_other_reason_is_one_line() -> None:
    assert _reason("  cannot connect\nbecause of this\n") == "cannot connect"
