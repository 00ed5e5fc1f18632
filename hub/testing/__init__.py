"""The connector kit: how a connector is tested, in this repository and outside of it.

    from hub.testing import ConnectorContract, System

Needs the extra `testing`. Nothing of the product imports it. docs/connectors/writing.md shows the way.
"""

import pytest

SUITE = "apart broken contract declared mapped reading system values words writing"
pytest.register_assert_rewrite(*(f"hub.testing.{name}" for name in SUITE.split()))

from hub.testing.clock import Clock  # noqa: E402 (after the registration)
from hub.testing.contract import OVER_HTTP, ConnectorContract, System  # noqa: E402

__all__ = ["OVER_HTTP", "Clock", "ConnectorContract", "System"]
