"""XML-RPC as Odoo speaks it: calls written, answers read with a parser that expands nothing."""

from __future__ import annotations

import base64
import xmlrpc.client
from collections.abc import Sequence
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from hub.errors import ConfigError, RecordError


class XmlFault(Exception):
    """The server's own error."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"fault {code}")
        self.code = code
        self.text = text


def write_call(method: str, args: Sequence[Any]) -> bytes:
    """RecordError for what XML-RPC cannot say."""
    if not all(map(_sayable, args)):
        raise RecordError("A text of this write holds control characters, which XML cannot say; nothing was sent.")
    try:
        return xmlrpc.client.dumps(tuple(args), method).encode()
    except (TypeError, OverflowError, UnicodeEncodeError) as error:
        raise RecordError(
            "A value of this write cannot be said in XML-RPC (empty, too large, or invalid Unicode); nothing was sent."
        ) from error


def _sayable(value: Any) -> bool:
    if isinstance(value, str):
        return all(char >= " " or char in "\t\n\r" for char in value)
    if isinstance(value, dict):
        return all(map(_sayable, value.values()))
    return all(map(_sayable, value)) if isinstance(value, list | tuple) else True


def read_answer(raw: Any) -> Any:
    """The one value of an answer. XmlFault when it is a fault, ValueError when it is no answer at all."""
    if not isinstance(raw, bytes):
        raise ValueError("no XML")
    try:
        from defusedxml import ElementTree  # type: ignore[import-untyped, unused-ignore]
        from defusedxml.common import DefusedXmlException  # type: ignore[import-untyped, unused-ignore]
    except ImportError as error:
        raise ConfigError("XML-RPC needs a package more. Next: pip install 'contact-hub[odoo]'.") from error
    try:
        root: Element = ElementTree.fromstring(raw)
    except (ParseError, DefusedXmlException) as error:
        raise ValueError("no XML") from error
    if root.tag != "methodResponse":
        raise ValueError("no answer")
    fault = root.find("fault/value")
    if fault is not None:
        told = _value(fault)
        raise XmlFault(int(told["faultCode"]), str(told["faultString"]))
    found = root.find("params/param/value")
    if found is None:
        raise ValueError("no value")
    return _value(found)


def _value(node: Element) -> Any:
    """ValueError for a type that XML-RPC does not have."""
    if len(node) == 0:
        return node.text or ""
    kind, text = node[0].tag, node[0].text or ""
    if kind == "string":
        return text
    if kind in {"int", "i4", "i8"}:
        return int(text)
    if kind == "boolean":
        return text.strip() == "1"
    if kind == "double":
        return float(text)
    if kind == "array":
        return [_value(each) for each in node[0].findall("data/value")]
    if kind == "struct":
        return {member.findtext("name", ""): _value(member[1]) for member in node[0].findall("member")}
    return _rare(kind, text)


def _rare(kind: str, text: str) -> Any:
    if kind == "nil":
        return None
    if kind == "dateTime.iso8601":
        return text
    if kind == "base64":
        return base64.b64decode(text).decode("utf-8", "replace")
    raise ValueError(f"no such type: {kind}")
