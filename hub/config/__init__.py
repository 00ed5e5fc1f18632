"""The configuration folder: `hub.yaml` and what it names."""

from hub.config.load import (
    connection_config,
    load_config,
    open_secret_files,
    open_settings,
    store_url,
)
from hub.config.mappings import connection_mapping
from hub.config.models import (
    ConnectionConfig,
    DeletePolicy,
    GoldenConfig,
    HubConfig,
    LimitsConfig,
    MatchingConfig,
    WebConfig,
)
from hub.config.values import Schedule

__all__ = [
    "ConnectionConfig",
    "DeletePolicy",
    "GoldenConfig",
    "HubConfig",
    "LimitsConfig",
    "MatchingConfig",
    "Schedule",
    "WebConfig",
    "connection_config",
    "connection_mapping",
    "load_config",
    "open_secret_files",
    "open_settings",
    "store_url",
]
