"""The configuration folder: `hub.yaml` and what it names."""

from hub.config.load import (
    connection_config,
    load_config,
    open_secret_files,
    open_settings,
    store_url,
)
from hub.config.models import (
    ConnectionConfig,
    DeletePolicy,
    GoldenConfig,
    HubConfig,
    Limits,
    MatchingConfig,
    Rule,
    WebConfig,
)
from hub.config.values import Limit, Schedule

__all__ = [
    "ConnectionConfig",
    "DeletePolicy",
    "GoldenConfig",
    "HubConfig",
    "Limit",
    "Limits",
    "MatchingConfig",
    "Rule",
    "Schedule",
    "WebConfig",
    "connection_config",
    "load_config",
    "open_secret_files",
    "open_settings",
    "store_url",
]
