from collections.abc import Iterator

import pytest

from tests.web.access.rig import Rig, made


@pytest.fixture
def rig(tmp_path) -> Iterator[Rig]:
    with made(tmp_path) as found:
        yield found
