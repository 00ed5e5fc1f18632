"""A connection is opened with its secrets, handed the world it may use, and closed again."""

import httpx
import pytest
from pydantic import SecretStr

from hub.config import HubConfig
from hub.connectors.contract import Can, Connector, Report, Settings
from hub.errors import ConfigError
from hub.opening import open_connector


class AcornSettings(Settings):
    secret: SecretStr


class Acorn(Connector):
    Settings = AcornSettings
    default_mapping = ""
    can = Can()

    def __init__(self, settings, context):
        super().__init__(settings, context)
        context.closing.callback(setattr, self, "closed", True)
        self.closed = False

    def check(self):
        return Report("acorn")

    def pull(self, since):
        yield from ()


TYPES = {"acorn": Acorn}


@pytest.fixture
def config(tmp_path):
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "key").write_text("hunter2\n")
    data = {"default_region": "PT", "connections": {"erp": {"type": "acorn", "secret": "file:key"}}}
    return HubConfig.model_validate(data).placed(tmp_path / "config")


def test_a_connector_gets_its_secret_and_its_world(config, tmp_path):
    transport = httpx.MockTransport(lambda request: httpx.Response(204))
    with open_connector(config, "erp", transport=transport, types=TYPES) as connector:
        assert connector.settings.secret.get_secret_value() == "hunter2"
        assert connector.context.name == "erp"
        assert connector.context.base == tmp_path
        assert connector.context.default_region == "PT"
        assert connector.context.transport is transport


def test_a_connector_is_closed_when_its_work_fails(config):
    opened = []
    with pytest.raises(RuntimeError), open_connector(config, "erp", types=TYPES) as connector:
        opened.append(connector)
        raise RuntimeError
    assert opened[0].closed


def test_without_its_secret_nothing_is_opened(config, tmp_path):
    (tmp_path / "config" / "key").unlink()
    with pytest.raises(ConfigError, match="file:key is missing"), open_connector(config, "erp", types=TYPES):
        pytest.fail("it was opened")
