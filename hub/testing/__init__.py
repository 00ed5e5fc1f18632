"""The connector kit: how a connector is tested, in this repository and outside of it.

    from hub.testing import ConnectorContract, System

Needs the extra `testing`. Nothing of the product imports it. docs/connectors/writing.md shows the way.
"""

import pytest

pytest.register_assert_rewrite("hub.testing.contract")

from hub.testing.contract import ConnectorContract, System  # noqa: E402 (after the registration)

__all__ = ["ConnectorContract", "System"]
