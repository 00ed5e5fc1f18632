"""Mapping files that fit the connectors as they come; a connection may name one of its own instead."""

from importlib.resources import files


def default_mapping(type_name: str) -> str:
    """Text of the mapping file of a connector type."""
    return files(__package__).joinpath(f"{type_name}.yaml").read_text(encoding="utf-8")
