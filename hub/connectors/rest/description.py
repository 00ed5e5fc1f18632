"""An OpenAPI 3 or Swagger 2 description, as far as a draft of a service file needs it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

DEEPEST = 12  # references followed and objects merged: a description may lead in circles
METHODS = ("get", "post", "put", "patch", "delete")
_GAP = re.compile(r"\{[^}]+\}")


@dataclass(frozen=True, slots=True)
class Operation:
    """One call. `query`: name → schema; `body` and `answer` are schemas, empty where there is none."""

    method: str
    path: str
    query: Mapping[str, Mapping[str, Any]]
    headers: Mapping[str, Mapping[str, Any]]
    body: Mapping[str, Any]
    answer: Mapping[str, Any]
    is_form: bool = False

    @property
    def call(self) -> str:
        return f"{self.method.upper()} {self.path}"


class Description:
    """ValueError from the constructor when it is none."""

    def __init__(self, data: Any) -> None:
        if not isinstance(data, Mapping) or not isinstance(data.get("paths"), Mapping):
            raise ValueError("it has no `paths`: that is no OpenAPI or Swagger description")
        if not (str(data.get("openapi", "")).startswith("3.") or str(data.get("swagger", "")) == "2.0"):
            raise ValueError("it is neither OpenAPI 3 nor Swagger 2")
        self._data = data
        self._two = "swagger" in data

    @property
    def title(self) -> str:
        info = self._data.get("info")
        return str(info.get("title", "")) if isinstance(info, Mapping) else ""

    @property
    def address(self) -> str:
        """Of the service; empty when it is not told."""
        if self._two:
            scheme = "http" if self._data.get("schemes") == ["http"] else "https"
            host = str(self._data.get("host", ""))
            return f"{scheme}://{host}{self._data.get('basePath', '')}".rstrip("/") if host else ""
        servers = self._data.get("servers") or [{}]
        url = str(servers[0].get("url", ""))
        for name, variable in (servers[0].get("variables") or {}).items():
            url = url.replace("{" + name + "}", str(variable.get("default", name)))
        return url.rstrip("/")

    @property
    def security(self) -> list[Mapping[str, Any]]:
        """Schemes of authentication, those that the whole service names first."""
        place = self._data if self._two else self._data.get("components", {})
        schemes = place.get("securityDefinitions" if self._two else "securitySchemes") or {}
        named = [name for each in self._data.get("security") or [] for name in each]
        order = [*(name for name in named if name in schemes), *(name for name in schemes if name not in named)]
        return [self.resolved(schemes[name]) for name in order]

    def operations(self) -> Iterator[Operation]:
        for path, item in self._data["paths"].items():
            found = self.resolved(item)
            for method in METHODS:
                if isinstance(found.get(method), Mapping):
                    yield self._operation(str(path), method, found[method], found.get("parameters") or [])

    def _operation(self, path: str, method: str, raw: Mapping[str, Any], shared: list[Any]) -> Operation:
        parameters = [self.resolved(each) for each in [*shared, *(raw.get("parameters") or [])]]
        query = {each["name"]: self._schema_of(each) for each in parameters if each.get("in") == "query"}
        headers = {each["name"]: self._schema_of(each) for each in parameters if each.get("in") == "header"}
        body, is_form = self._body(raw, parameters)
        return Operation(method, path, query, headers, body, self._answer(raw), is_form)

    def _schema_of(self, parameter: Mapping[str, Any]) -> Mapping[str, Any]:
        return self.merged(parameter.get("schema") or parameter)

    def _body(self, raw: Mapping[str, Any], parameters: list[Mapping[str, Any]]) -> tuple[Mapping[str, Any], bool]:
        if self._two:
            for each in parameters:
                if each.get("in") == "body":
                    return self.merged(each.get("schema") or {}), False
            fields = {each["name"]: each for each in parameters if each.get("in") == "formData"}
            return ({"properties": fields} if fields else {}), bool(fields)
        content = self.resolved(raw.get("requestBody") or {}).get("content") or {}
        for kind, media in content.items():
            if "json" in kind:
                return self.merged(media.get("schema") or {}), False
        for kind, media in content.items():
            if "form" in kind:
                return self.merged(media.get("schema") or {}), True
        return {}, False

    def _answer(self, raw: Mapping[str, Any]) -> Mapping[str, Any]:
        responses = raw.get("responses") or {}
        for status in ("200", "201", "202", "2XX", "default"):
            found = self.resolved(
                responses.get(status) or responses.get(int(status) if status.isdigit() else status) or {}
            )
            schema = found.get("schema")
            for kind, media in (found.get("content") or {}).items():
                if "json" in kind:
                    schema = media.get("schema")
            if schema:
                return self.merged(schema)
        return {}

    # --- schemas ----------------------------------------------------------------------------------

    def resolved(self, node: Any) -> Mapping[str, Any]:
        """What a reference within the description stands for."""
        for _ in range(DEEPEST):
            if not isinstance(node, Mapping):
                return {}
            reference = node.get("$ref")
            if not isinstance(reference, str):
                return node
            if not reference.startswith("#/"):
                return {}
            target: Any = self._data
            for step in reference[2:].split("/"):
                name = step.replace("~1", "/").replace("~0", "~")
                target = target.get(name) if isinstance(target, Mapping) else None
            node = target
        return {}

    def merged(self, node: Any, depth: int = 0) -> Mapping[str, Any]:
        """A schema with its parts (allOf, the first of anyOf and oneOf) taken together."""
        schema = self.resolved(node)
        if depth > DEEPEST:
            return {}
        parts = [*(schema.get("allOf") or []), *(schema.get("anyOf") or [])[:1], *(schema.get("oneOf") or [])[:1]]
        if not parts:
            return schema
        found: dict[str, Any] = {
            name: value for name, value in schema.items() if name not in {"allOf", "anyOf", "oneOf"}
        }
        properties: dict[str, Any] = {}
        for part in parts:
            inner = self.merged(part, depth + 1)
            properties |= inner.get("properties") or {}
            found = {**inner, **found}
        return {**found, "properties": {**properties, **(schema.get("properties") or {})}}

    def properties(self, schema: Any) -> dict[str, Mapping[str, Any]]:
        return {name: self.merged(each) for name, each in (self.merged(schema).get("properties") or {}).items()}

    def rows(self, schema: Any) -> tuple[str, Mapping[str, Any]] | None:
        """(place of the list of records in an answer, schema of a record)."""
        whole = self.merged(schema)
        if whole.get("type") == "array":
            return "", self.merged(whole.get("items") or {})
        found = [(name, each) for name, each in self.properties(whole).items() if each.get("type") == "array"]
        found += [
            (f"{name}.{inner}", each)
            for name, outer in self.properties(whole).items()
            for inner, each in self.properties(outer).items()
            if each.get("type") == "array"
        ]
        objects = [(place, self.merged(each.get("items") or {})) for place, each in found]
        best = max(
            ((len(row.get("properties") or {}), place, row) for place, row in objects), default=None, key=lambda x: x[0]
        )
        return (best[1], best[2]) if best is not None and best[0] > 0 else None


def last_gap(path: str) -> str | None:
    """The path before its last parameter, where it ends with one."""
    found = list(_GAP.finditer(path))
    return path[: found[-1].start()].rstrip("/") if found and found[-1].end() == len(path) else None
