"""Holds a fake to the vendor's own description, OpenAPI 3.0, 3.1 or Swagger 2.0.

    transport = Validated(FakeAcorn(), Description.load(path), base_path="/v2")

Every request that is answered with success must fit the description, and so must every answer; what does not fit
raises Mismatch, which is an AssertionError: the test fails. A request that the fake refuses need not fit. Put
faults outside: `Faults(Validated(fake, …))`.

A description has gaps. Name each in `known`, with the reason: problems that begin so are let pass.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import httpx
import yaml
from openapi_schema_validator import OAS30Validator, OAS31Validator, oas30_format_checker
from referencing import Registry
from referencing.jsonschema import DRAFT202012

URN = "urn:description"
METHODS = ("get", "put", "post", "delete", "patch", "head", "options")
REMEMBERED = 10_000  # values that were judged, of one description
UNCHECKED: list[str] = []  # "acorn.yaml is not there: …", printed by hub.testing.plugin


class Mismatch(AssertionError):
    """A request or an answer is not as the vendor describes it."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path. `at` is where it stands in the document, as parts of a JSON pointer."""

    method: str
    template: str
    pattern: re.Pattern[str]
    at: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.method.upper()} {self.template}"


class Description:
    """A vendor's description, asked for operations and for what is wrong with a value."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document
        version = str(document.get("openapi") or document.get("swagger") or "")
        if not version.startswith(("2.", "3.")):
            raise ValueError("this is no OpenAPI 3 and no Swagger 2 description")
        self.swagger = version.startswith("2.")
        registry: Any = Registry().with_resource(URN, DRAFT202012.create_resource(document))
        kind = OAS31Validator if version.startswith("3.1") else OAS30Validator
        self._validate = kind({}, registry=registry, format_checker=oas30_format_checker)
        self._checkers: dict[tuple[str, ...], Any] = {}
        self._resolved: dict[tuple[str, ...], tuple[Any, tuple[str, ...]]] = {}
        self._judged: dict[tuple[tuple[str, ...], bytes], tuple[str, ...]] = {}
        self.operations = sorted(self._operations(), key=lambda each: each.template.count("{"))

    @classmethod
    def load(cls, path: Path) -> Description:
        """From a YAML or JSON file."""
        text = path.read_text(encoding="utf-8")
        return cls(json.loads(text) if path.suffix == ".json" else _with_text_keys(yaml.safe_load(text)))

    @property
    def base_path(self) -> str:
        """What every path is below of, as the description says it."""
        if self.swagger:
            return str(self.document.get("basePath", "")).rstrip("/")
        servers = self.document.get("servers") or [{"url": ""}]
        return urlsplit(str(servers[0]["url"])).path.rstrip("/")

    def find(self, method: str, path: str) -> Operation | None:
        fitting = (each for each in self.operations if each.method == method.lower())
        return next((each for each in fitting if each.pattern.fullmatch(path)), None)

    def at(self, pointer: Sequence[str]) -> Any:
        """The value there, references followed; None when there is none."""
        value, _ = self.resolve(pointer)
        return value

    def resolve(self, pointer: Sequence[str]) -> tuple[Any, tuple[str, ...]]:
        """The value and where it really stands."""
        asked = tuple(pointer)
        if asked not in self._resolved:
            self._resolved[asked] = self._followed(asked)
        return self._resolved[asked]

    def _followed(self, pointer: tuple[str, ...]) -> tuple[Any, tuple[str, ...]]:
        value: Any = self.document
        here: tuple[str, ...] = ()
        for part in pointer:
            value = value.get(part) if isinstance(value, Mapping) else value[int(part)]
            here = (*here, part)
            if isinstance(value, Mapping) and isinstance(value.get("$ref"), str):
                value, here = self.resolve(_parts(value["$ref"]))
            if value is None:
                return None, here
        return value, here

    def wrong(self, value: Any, schema_at: Sequence[str]) -> Iterator[str]:
        """What does not fit, one line a fault. What was judged before is not judged again."""
        asked = (tuple(schema_at), blake2b(json.dumps(value).encode()).digest())
        if asked not in self._judged:
            if len(self._judged) >= REMEMBERED:
                self._judged.clear()
            self._judged[asked] = tuple(self._judge(value, asked[0]))
        yield from self._judged[asked]

    def _judge(self, value: Any, schema_at: tuple[str, ...]) -> Iterator[str]:
        checker = self._checkers.get(schema_at)
        if checker is None:
            checker = self._validate.evolve(schema={"$ref": f"{URN}{_pointer(schema_at)}"})
            self._checkers[schema_at] = checker
        for error in checker.iter_errors(value):
            place = "/".join(str(part) for part in error.absolute_path) or "the whole"
            yield f"{place}: {error.message[:200]}"

    def _operations(self) -> Iterator[Operation]:
        for template, methods in self.document.get("paths", {}).items():
            pattern = re.compile("".join(_pattern(part) for part in re.split(r"(\{[^}]+\})", template)))
            for method in METHODS:
                if method in methods:
                    yield Operation(method, template, pattern, ("paths", template, method))


class Validated(httpx.BaseTransport):
    """A transport whose requests and answers are held to a description.

    base_path  in front of the paths of the description; None: as the description says
    known      beginning of a problem ("GET /contacts: query sort") → why it is let pass
    seen       operations that were asked for
    passed     keys of `known` that were met; one that never is can go
    """

    def __init__(
        self,
        inner: httpx.BaseTransport,
        description: Description,
        base_path: str | None = None,
        known: Mapping[str, str] | None = None,
    ) -> None:
        self.inner, self.description = inner, description
        self.base_path = description.base_path if base_path is None else base_path.rstrip("/")
        self.known = known or {}
        self.seen: set[str] = set()
        self.passed: set[str] = set()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        body = request.read()
        response = self.inner.handle_request(request)
        content = response.read()
        for problem in problems(self.description, self.base_path, _Seen(request, body, response, content)):
            self._judge(problem)
        operation = self.description.find(request.method, _below(request, self.base_path))
        if operation is not None:
            self.seen.add(operation.name)
        return response

    def close(self) -> None:
        self.inner.close()

    def _judge(self, problem: str) -> None:
        known = next((each for each in self.known if problem.startswith(each)), None)
        if known is None:
            raise Mismatch(problem)
        self.passed.add(known)


def validated(
    inner: httpx.BaseTransport, path: Path, base_path: str | None = None, known: Mapping[str, str] | None = None
) -> httpx.BaseTransport:
    """Validated where the file is there; else the transport itself, and the end of the run says so."""
    if path.is_file():
        return Validated(inner, Description.load(path), base_path, known)
    line = f"{path.name} is not there: what the fake of it says was not held to the vendor's description"
    if line not in UNCHECKED:
        UNCHECKED.append(line)
    return inner


# --- pure -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Seen:
    request: httpx.Request
    body: bytes
    response: httpx.Response
    content: bytes


def problems(description: Description, base_path: str, seen: _Seen) -> Iterator[str]:
    """What the description does not know of one request and its answer."""
    path = _below(seen.request, base_path)
    operation = description.find(seen.request.method, path)
    accepted = seen.response.status_code < 400
    if operation is None:
        if accepted:
            yield f"{seen.request.method} {path}: not described"
        return
    found = chain(
        _request_problems(description, operation, seen) if accepted else (),
        _answer_problems(description, operation, seen),
    )
    yield from (f"{operation.name}: {problem}" for problem in found)


def _request_problems(description: Description, operation: Operation, seen: _Seen) -> Iterator[str]:
    parameters = list(_parameters(description, operation))
    yield from _query_problems(description, parameters, seen)
    yield from _header_problems(parameters, seen)
    yield from _body_problems(description, operation, parameters, seen)


def _parameters(description: Description, operation: Operation) -> Iterator[tuple[Mapping[str, Any], tuple[str, ...]]]:
    """Those of the operation and of its path, each with its place."""
    for at in (operation.at, operation.at[:-1]):
        for number in range(len(description.at((*at, "parameters")) or ())):
            parameter, place = description.resolve((*at, "parameters", str(number)))
            yield parameter, place


def _query_problems(
    description: Description, parameters: Sequence[tuple[Mapping[str, Any], tuple[str, ...]]], seen: _Seen
) -> Iterator[str]:
    sent = parse_qs(seen.request.url.query.decode("ascii"), keep_blank_values=True)
    known = {parameter["name"]: (parameter, at) for parameter, at in parameters if parameter["in"] == "query"}
    for name in sorted(set(sent) - set(known)):
        if name.partition("[")[0] not in known and f"{name}[]" not in known:
            yield f"query {name}: not described"
    for name, (parameter, at) in known.items():
        if name not in sent:
            if parameter.get("required"):
                yield f"query {name}: missing"
            continue
        schema_at = at if description.swagger else (*at, "schema")
        schema = description.at(schema_at) or {}
        value = _typed(schema, sent[name], parameter)
        where = (f"query {name}: {problem}" for problem in _wrong_parameter(description, value, schema_at, schema))
        yield from where


def _wrong_parameter(
    description: Description, value: Any, schema_at: tuple[str, ...], schema: Mapping[str, Any]
) -> Iterator[str]:
    """Swagger 2 says the type of a parameter beside its name, where `required` means another thing."""
    if not description.swagger:
        yield from description.wrong(value, schema_at)
        return
    words = ("type", "enum", "minimum", "maximum", "minLength", "maxLength", "pattern", "items", "format")
    checker = OAS30Validator({word: schema[word] for word in words if word in schema})
    yield from (error.message[:200] for error in checker.iter_errors(value))


def _header_problems(parameters: Sequence[tuple[Mapping[str, Any], tuple[str, ...]]], seen: _Seen) -> Iterator[str]:
    for parameter, _ in parameters:
        if parameter["in"] == "header" and parameter.get("required") and parameter["name"] not in seen.request.headers:
            yield f"header {parameter['name']}: missing"


def _body_problems(
    description: Description,
    operation: Operation,
    parameters: Sequence[tuple[Mapping[str, Any], tuple[str, ...]]],
    seen: _Seen,
) -> Iterator[str]:
    kind = _media_type(seen.request.headers)
    if description.swagger:
        schema_at = next((at for parameter, at in parameters if parameter["in"] == "body"), None)
        required = any(parameter.get("required") for parameter, _ in parameters if parameter["in"] == "body")
        schema_at = None if schema_at is None else (*schema_at, "schema")
    else:
        body, at = description.resolve((*operation.at, "requestBody"))
        required = bool(body and body.get("required"))
        if body and seen.body and kind not in body.get("content", {}):
            yield f"body: {kind or 'no content type'} is not described"
            return
        schema_at = (*at, "content", kind, "schema") if body else None
    if not seen.body:
        if required:
            yield "body: missing"
        return
    if schema_at is None:
        yield "body: none is described"
        return
    value = _parsed(kind, seen.body)
    if value is not None and description.at(schema_at) is not None:
        yield from (f"body: {problem}" for problem in description.wrong(value, schema_at))


def _answer_problems(description: Description, operation: Operation, seen: _Seen) -> Iterator[str]:
    status = seen.response.status_code
    described = description.at((*operation.at, "responses")) or {}
    name = next((each for each in (str(status), f"{status // 100}XX", "default") if each in described), None)
    if name is None:
        if status < 400:
            yield f"answer {status}: not described"
        return
    answer, at = description.resolve((*operation.at, "responses", name))
    if not seen.content or not answer:
        return
    kind = _media_type(seen.response.headers)
    if not description.swagger and answer.get("content") and kind not in answer["content"]:
        yield f"answer {status}: {kind or 'no content type'} is not described"
        return
    schema_at = (*at, "schema") if description.swagger else (*at, "content", kind, "schema")
    value = _parsed(kind, seen.content)
    if value is not None and description.at(schema_at) is not None:
        yield from (f"answer {status}: {problem}" for problem in description.wrong(value, schema_at))


def _typed(schema: Mapping[str, Any], values: Sequence[str], parameter: Mapping[str, Any]) -> Any:
    """Text of a query as the type that the description gives it; text when it cannot be."""
    if schema.get("type") == "array":
        swagger = "schema" not in parameter
        joined = parameter.get("collectionFormat", "csv") == "csv" if swagger else parameter.get("explode") is False
        parts = [part for value in values for part in (value.split(",") if joined else [value])]
        return [_typed(schema.get("items", {}), [part], {}) for part in parts]
    text = values[-1]
    try:
        if schema.get("type") == "integer":
            return int(text)
        if schema.get("type") == "number":
            return float(text)
    except ValueError:
        return text
    if schema.get("type") == "boolean":
        return {"true": True, "false": False}.get(text, text)
    return text


def _parsed(kind: str, content: bytes) -> Any:
    """JSON, or a form as an object of texts; None when it is something else."""
    if kind.endswith("json"):
        try:
            return json.loads(content)
        except ValueError:
            return {"": "no JSON"}
    if kind == "application/x-www-form-urlencoded":
        form = parse_qs(content.decode(), keep_blank_values=True)
        return {name: values[0] if len(values) == 1 else values for name, values in form.items()}
    return None


def _media_type(headers: Mapping[str, str]) -> str:
    return headers.get("content-type", "").split(";", 1)[0].strip().lower()


def _below(request: httpx.Request, base_path: str) -> str:
    path = request.url.raw_path.decode("ascii").partition("?")[0]
    return unquote(path.removeprefix(base_path)) if "%2F" not in path.upper() else path.removeprefix(base_path)


def _with_text_keys(value: Any) -> Any:
    """YAML reads the status 200 as a number."""
    if isinstance(value, dict):
        return {str(key): _with_text_keys(each) for key, each in value.items()}
    return [_with_text_keys(each) for each in value] if isinstance(value, list) else value


def _pattern(part: str) -> str:
    return "[^/]+" if part.startswith("{") else re.escape(part)


def _parts(reference: str) -> tuple[str, ...]:
    """Of `#/components/schemas/Contact`."""
    parts = reference.removeprefix("#/").split("/")
    return tuple(unquote(part).replace("~1", "/").replace("~0", "~") for part in parts)


def _pointer(parts: Sequence[str]) -> str:
    """As the fragment of an address: `{` and the like are escaped."""
    escaped = (part.replace("~", "~0").replace("/", "~1") for part in parts)
    return "#/" + "/".join(str(httpx.URL(path="/" + part).raw_path.decode()[1:]) for part in escaped)
