"""A strict, stateful Odoo in this process, in its three protocols: what the connector is tested on without a server.

Keeps what a real Odoo 19.0 was seen to do: one call is one transaction; unknown models, methods, arguments and
fields are errors; what was archived is hidden unless the context says otherwise; stamps are finer than they are
shown; `load` refuses by row and does all or nothing; a person in a company shares its address; rights are told by
AccessError; and each protocol tells an error in its own way.
"""

from __future__ import annotations

import copy
import inspect
import re
import xmlrpc.client
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

from hub.testing.clock import Clock
from hub.testing.service import Answer, Call, Refusal, Service, route

DATABASE, LOGIN, KEY, READER = "company", "hub", "odoo-key-5b1c", "odoo-reader-77"
PASSWORDS = {KEY: 7, READER: 8}  # key → number of its user
CHARS = "name function phone mobile website zip city vat ref tz email street street2 company_name".split()
TYPES: dict[str, str] = {
    **dict.fromkeys(CHARS, "char"),
    **dict.fromkeys(["is_company", "active", "is_blacklisted"], "boolean"),
    **dict.fromkeys(["country_id", "state_id", "parent_id", "title"], "many2one"),
    **dict.fromkeys(["create_date", "write_date"], "datetime"),
    **dict.fromkeys(["lang", "type"], "selection"),
    **dict.fromkeys(["commercial_company_name", "email_normalized", "x_segment", "x_hub_key"], "char"),
    "comment": "html",
    "category_id": "many2many",
    "id": "integer",
}
READ_ONLY = {"id", "create_date", "write_date", "is_blacklisted", "email_normalized", "commercial_company_name"}
CHOICES = {"lang": ["en_US", "pt_PT"], "type": ["contact", "invoice", "delivery", "other"]}
ADDRESS = ("street", "street2", "zip", "city", "state_id", "country_id")
OTHER_MODELS: dict[str, dict[str, str]] = {
    "res.country": {"code": "char", "name": "char"},
    "res.country.state": {"country_id": "many2one", "code": "char", "name": "char"},
    "res.partner.category": {"name": "char"},
    "mail.blacklist": {"email": "char", "active": "boolean"},
    "mailing.contact": {"email": "char", "name": "char", "email_normalized": "char"},
    "mailing.list": {"name": "char"},
    "mailing.subscription": {"contact_id": "many2one", "list_id": "many2one", "opt_out": "boolean"},
}
CHANGING = {"create", "write", "unlink", "load"}
FAULTS = {"AccessDenied": 3, "AccessError": 4, "ValidationError": 2, "UserError": 2, "MissingError": 2}
STATUS = {"AccessDenied": 403, "AccessError": 403, "ValidationError": 422, "UserError": 422, "MissingError": 404}
Row = dict[str, Any]


class OdooError(Exception):
    """kind  name of the exception in Odoo"""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message

    @property
    def full_name(self) -> str:
        module = "odoo.exceptions" if self.kind in FAULTS else "builtins"
        return f"{module}.{self.kind}"


class Odoo(Service):
    base = "https://erp.example.org"

    def __init__(self, version: int = 19, clock: Clock | None = None) -> None:
        super().__init__(clock)
        self.version = version
        self.keys = {KEY: True, READER: False}
        self.types = {name: kind for name, kind in TYPES.items() if version < 19 or name not in {"mobile", "title"}}
        self.users: set[int] = set()  # partners of active users: neither archived nor deleted
        rows: dict[str, dict[int, Row]] = {"res.partner": {}, **{model: {} for model in OTHER_MODELS}}
        rows["res.country"] = {1: {"code": "PT", "name": "Portugal"}, 2: {"code": "ES", "name": "Spain"}}
        rows["res.country.state"] = {5: {"country_id": 1, "code": "13", "name": "Porto"}}
        rows["res.partner.category"] = {3: {"name": "Gold"}}
        rows["mailing.list"] = {4: {"name": "News"}}
        self.state = {"rows": rows, "names": {}, "last": 100}

    # --- the back door ----------------------------------------------------------------------------

    @property
    def partners(self) -> dict[int, Row]:
        found: dict[int, Row] = self.state["rows"]["res.partner"]
        return found

    def add(self, **values: Any) -> int:
        return self._insert("res.partner", values)

    def change(self, number: int, **values: Any) -> None:
        self._update("res.partner", [number], values)

    def remove(self, number: int) -> None:
        self._delete("res.partner", [number])

    # --- the wire ---------------------------------------------------------------------------------

    @route("GET", "/web/version", public=True)
    def web_version(self, call: Call) -> Answer:
        if self.version < 19:
            raise Refusal(404, b"<html>not found</html>", {"content-type": "text/html"})
        return Answer(200, {"version_info": [self.version, 0, 0, "final", 0, ""], "version": f"{self.version}.0"})

    @route("POST", "/json/2/{model}/{method}", write=False, public=True)
    def json2(self, call: Call, model: str, method: str) -> Answer:
        if self.version < 19 or call.headers.get("x-odoo-database") != DATABASE:
            raise Refusal(404, b"<html>not found</html>", {"content-type": "text/html"})
        user = call.bearer()
        if user not in self.keys:
            body = {"name": "werkzeug.exceptions.Unauthorized", "message": "Invalid apikey", "arguments": []}
            raise Refusal(401, body)
        named = dict(call.json)
        ids, context = named.pop("ids", None), named.pop("context", {})
        try:
            return Answer(200, self.execute(str(user), model, method, ids, named, context))
        except OdooError as error:
            kind = "werkzeug.exceptions.NotFound" if error.kind == "NotFound" else error.full_name
            status = {"NotFound": 404, "TypeError": 422}.get(error.kind, STATUS.get(error.kind, 500))
            said = {"name": kind, "message": error.message, "arguments": [error.message], "debug": "Traceback"}
            return Answer(status, said)

    @route("POST", "/jsonrpc", write=False, public=True)
    def jsonrpc(self, call: Call) -> Answer:
        params = call.json["params"]
        said: dict[str, Any] = {"jsonrpc": "2.0", "id": call.json.get("id")}
        try:
            result = self._older(params["service"], params["method"], params["args"])
        except OdooError as error:
            data = {"name": error.full_name, "message": error.message, "debug": "Traceback", "arguments": []}
            return Answer(200, {**said, "error": {"code": 0, "message": "Odoo Server Error", "data": data}})
        return Answer(200, said if result is None else {**said, "result": result})

    @route("POST", "/xmlrpc/2/{service}", write=False, public=True)
    def xmlrpc(self, call: Call, service: str) -> Answer:
        args, method = xmlrpc.client.loads(call.content, use_datetime=True)
        try:
            answer: Any = (self._older(service, str(method), list(args)),)
            if answer == (None,):
                raise OdooError("TypeError", "cannot marshal None unless allow_none is enabled")
        except OdooError as error:
            traceback = f'Traceback (most recent call last):\n  File "x.py"\n{error.kind}: {error.message}\n'
            code = FAULTS.get(error.kind, 1)
            answer = xmlrpc.client.Fault(code, error.message if code > 1 else traceback)
        text = xmlrpc.client.dumps(answer, methodresponse=True)
        return Answer(200, text.encode(), {"content-type": "text/xml; charset=utf-8"})

    def _older(self, service: str, method: str, args: Sequence[Any]) -> Any:
        if (service, method) == ("common", "version"):
            return {"server_version": f"{self.version}.0", "protocol_version": 1}
        if args[0] != DATABASE:
            raise OdooError("OperationalError", f'FATAL:  database "{args[0]}" does not exist')
        if (service, method) == ("common", "authenticate"):
            _, login, key, _agent = args
            return PASSWORDS[key] if login == LOGIN and key in self.keys else False
        assert (service, method) == ("object", "execute_kw"), "no such service"
        _, uid, key, model, name, positional, named = args
        if key not in self.keys or PASSWORDS[key] != uid:
            raise OdooError("AccessDenied", "Access Denied")
        given, context = dict(named), dict(named.get("context", {}))
        given.pop("context", None)
        rest = list(positional)
        ids = rest.pop(0) if name in {"read", "write", "unlink"} else None
        if name == "create":
            given["vals_list"] = rest.pop(0)
        assert not rest, "too many arguments by place"
        return self.execute(key, model, name, ids, given, context)

    # --- one transaction --------------------------------------------------------------------------

    def execute(
        self, key: str, model: str, method: str, ids: Sequence[int] | None, named: Row, context: Mapping[str, Any]
    ) -> Any:
        if model != "ir.model.data" and model not in self.state["rows"]:
            raise OdooError("NotFound", f"the model '{model}' does not exist")
        call = self._method(model, method, ids, named, context)
        if method in CHANGING and not self.keys[key]:
            raise OdooError("AccessError", f"You are not allowed to modify '{model}' records.\n\nAsk Ann Lee.")
        if method == "check_access_rights":
            return self.keys[key]
        if method not in CHANGING:
            return call()
        before = copy.deepcopy(self.state)
        try:
            answer = call()
        except OdooError:
            self.state = before
            raise
        if self.ignoring:
            self.state = before
        return answer

    def _method(
        self, model: str, method: str, ids: Sequence[int] | None, named: Row, context: Mapping[str, Any]
    ) -> Callable[[], Any]:
        """The call, with its arguments looked at as Python would."""
        found = getattr(self, f"_do_{method}", None)
        if found is None:
            raise OdooError("NotFound", f"The method '{model}.{method}' does not exist")
        if ids is not None and method not in {"write", "unlink"}:
            raise OdooError("TypeError", f"cannot call {model}.{method} with ids")
        given = {**named, **({} if ids is None else {"ids": list(ids)})}
        try:
            inspect.signature(found).bind(model, context, **given)
        except TypeError as error:
            raise OdooError("TypeError", str(error)) from error
        return lambda: found(model, context, **given)

    # --- methods of a model -----------------------------------------------------------------------

    def _do_check_access_rights(self, model: str, context: Row, operation: str, raise_exception: bool = True) -> bool:
        return True

    def _do_fields_get(self, model: str, context: Row, attributes: Sequence[str] = ()) -> Any:
        kinds = self._kinds(model)
        found: dict[str, Row] = {name: {"type": kind} for name, kind in kinds.items()}
        for name, values in CHOICES.items():
            if name in found:
                found[name]["selection"] = [[each, each.upper()] for each in values]
        return found

    def _do_search_count(self, model: str, context: Row, domain: Sequence[Any]) -> int:
        return len(self._search(model, context, domain))

    def _do_search_read(
        self,
        model: str,
        context: Row,
        domain: Sequence[Any],
        fields: Sequence[str],
        offset: int = 0,
        limit: int | None = None,
        order: str = "id",
    ) -> list[Row]:
        numbers = self._search(model, context, domain)
        for part in reversed(order.split(",")):
            name, _, direction = part.strip().partition(" ")
            numbers.sort(key=lambda number: self._stored(model, number, name), reverse=direction.lower() == "desc")
        return [self._shown(model, number, fields) for number in numbers[offset:][:limit]]

    def _do_create(self, model: str, context: Row, vals_list: Sequence[Row]) -> list[int]:
        if model == "mail.blacklist":
            known = {row["email"]: number for number, row in self.state["rows"][model].items()}
            return [known.get(each["email"].lower()) or self._insert(model, each) for each in vals_list]
        return [self._insert(model, each) for each in vals_list]

    def _do_write(self, model: str, context: Row, ids: Sequence[int], vals: Row) -> bool:
        self._there(model, ids)
        self._update(model, ids, vals)
        return True

    def _do_unlink(self, model: str, context: Row, ids: Sequence[int]) -> bool:
        self._there(model, ids)
        self._delete(model, ids)
        return True

    def _do_check_object_reference(self, model: str, context: Row, module: str, xml_id: str) -> list[Any]:
        number = self.state["names"].get(f"{module}.{xml_id}")
        if number is None:
            raise OdooError("ValueError", f"External ID not found in the system: {module}.{xml_id}")
        hidden = context.get("active_test", True) and not self.partners[number]["active"]
        return ["res.partner", False if hidden else number]

    def _do_load(self, model: str, context: Row, fields: Sequence[str], data: Sequence[Sequence[str]]) -> Row:
        for name in fields:
            if name not in {"id", ".id"} and name.split("/")[0] not in self._kinds(model):
                raise OdooError("ValueError", f"Invalid field name '{name}'")
        ids, messages = [], []
        before = copy.deepcopy(self.state)
        for place, row in enumerate(data):
            try:
                ids.append(self._load_row(model, context, dict(zip(fields, row, strict=True))))
            except OdooError as error:
                at = {"from": place, "to": place}
                messages.append({"type": "error", "record": place, "rows": at, "message": error.message})
        if messages:
            self.state = before
        return {"ids": False if messages else ids, "messages": messages, "nextrow": 0}

    def _load_row(self, model: str, context: Row, row: dict[str, str]) -> int:
        name, number = row.pop("id", ""), row.pop(".id", "")
        values = {field.split("/")[0]: self._from_text(model, field, text) for field, text in row.items()}
        if name:
            assert re.fullmatch(r"[a-z_]+\.[^. ]+", name), "an external id is module.name without blanks"
            known = self.state["names"].get(name)
            if known in self.partners:
                if not (context.get("mode") == "update" and context.get("noupdate")):
                    self._update(model, [known], values)
                return int(known)
        if number:
            if int(number) not in self.state["rows"][model]:
                raise OdooError("ValueError", f"Unknown database identifier '{number}'")
            self._update(model, [int(number)], values)
            return int(number)
        made = self._insert(model, values)
        if name:
            self.state["names"][name] = made
        return made

    def _from_text(self, model: str, field: str, text: str) -> Any:
        assert isinstance(text, str), "an import is made of texts"
        name, _, part = field.partition("/")
        kind = self._kinds(model)[name]
        if kind == "many2one":
            assert part == ".id", "references go by number here"
            return int(text) if text else False
        if kind == "boolean":
            return text.lower() in {"true", "1", "yes"}
        if kind == "selection" and text and text not in CHOICES[name]:
            raise OdooError("ValueError", f"Value '{text}' not found in selection field '{name}'")
        return text or False

    # --- rows -------------------------------------------------------------------------------------

    def _kinds(self, model: str) -> dict[str, str]:
        if model == "res.partner":
            return self.types
        stamps = {"id": "integer", "create_date": "datetime", "write_date": "datetime"}
        return {**OTHER_MODELS[model], **stamps}

    def _check(self, model: str, values: Mapping[str, Any]) -> None:
        for name, value in values.items():
            if name not in self._kinds(model) or (model == "res.partner" and name in READ_ONLY):
                raise OdooError("ValueError", f"Invalid field '{name}' in '{model}'")
            if isinstance(value, str) and "\0" in value:
                raise OdooError("ValueError", "A string literal cannot contain NUL (0x00) characters.")
            if not isinstance(value, str | int | bool | list):
                raise OdooError("TypeError", f"unsupported value of '{name}'")

    def _insert(self, model: str, values: Mapping[str, Any]) -> int:
        self._check(model, values)
        self.state["last"] += 1
        now = self.clock()
        row: Row = {"create_date": now, "write_date": now, "active": True}
        if model == "res.partner":
            row |= {name: False for name in self.types if name not in row} | {"type": "contact", "lang": "en_US"}
            row["category_id"] = []
        if model in {"mail.blacklist", "mailing.contact"}:
            values = {**values, "email": str(values["email"]).lower()}
        row |= {"opt_out": False} if model == "mailing.subscription" else {}
        self.state["rows"][model][self.state["last"]] = {**row, **values}
        self._hold(model, self.state["last"])
        return int(self.state["last"])

    def _update(self, model: str, numbers: Sequence[int], values: Mapping[str, Any]) -> None:
        self._check(model, values)
        for number in numbers:
            if model == "res.partner" and values.get("active") is False and number in self.users:
                raise OdooError("ValidationError", "You cannot archive contacts linked to an active user.\nAnn Lee")
            row = self.state["rows"][model][number]
            row |= {**values, "write_date": self.clock()}
            self._hold(model, number)
            above = self.partners.get(row.get("parent_id") or 0) if model == "res.partner" else None
            shared = {name: values[name] for name in ADDRESS if name in values}
            if above is not None and row["type"] == "contact" and shared:
                above |= {**shared, "write_date": self.clock()}

    def _hold(self, model: str, number: int) -> None:
        row = self.state["rows"][model][number]
        if model == "res.partner" and row["type"] == "contact" and not row["name"]:
            raise OdooError("ValidationError", "The operation cannot be completed: Contacts require a name")

    def _delete(self, model: str, numbers: Sequence[int]) -> None:
        if model == "res.partner" and self.users & set(numbers):
            raise OdooError("ValidationError", "You cannot delete contacts linked to an active user.\nAnn Lee")
        for number in numbers:
            del self.state["rows"][model][number]
        if model == "res.partner":
            self.state["names"] = {k: v for k, v in self.state["names"].items() if v not in numbers}
            for row in self.partners.values():  # by the database: no date moves
                row["parent_id"] = False if row["parent_id"] in numbers else row["parent_id"]

    def _there(self, model: str, ids: Sequence[int]) -> None:
        if set(ids) - self.state["rows"][model].keys():
            raise OdooError("MissingError", f"Record does not exist or has been deleted.\n(Record: {model}({ids}))")

    # --- searching and showing --------------------------------------------------------------------

    def _search(self, model: str, context: Row, domain: Sequence[Any]) -> list[int]:
        rows = self.state["rows"][model]
        named = any(each[0] == "active" for each in domain)
        hides = context.get("active_test", True) and not named and "active" in self._kinds(model)
        after = next((value for name, operator, value in domain if (name, operator) == ("id", ">")), None)
        numbers = sorted(rows)
        return [
            number
            for number in numbers[0 if after is None else bisect_right(numbers, after) :]
            if not (hides and not rows[number]["active"]) and all(self._fits(model, number, each) for each in domain)
        ]

    def _fits(self, model: str, number: int, term: Sequence[Any]) -> bool:
        name, operator, value = term
        if name not in self._kinds(model):
            raise OdooError("ValueError", f"Invalid field {model}.{name} in condition")
        there = self._stored(model, number, name)
        if isinstance(there, datetime):
            value = datetime.fromisoformat(value).replace(tzinfo=there.tzinfo)
        tests: dict[str, Callable[[], bool]] = {
            "=": lambda: bool(there == value),
            ">": lambda: bool(there > value),
            ">=": lambda: bool(there >= value),
            "in": lambda: there in value,
            "not in": lambda: there not in value,
        }
        return tests[operator]()

    def _stored(self, model: str, number: int, name: str) -> Any:
        row = self.state["rows"][model][number]
        if name == "id":
            return number
        if name == "email_normalized":
            found = re.search(r"[^\s<>;,]+@[^\s<>;,]+", row["email"] or "")
            return found[0].lower() if found else False
        if name == "commercial_company_name":
            above = self.partners.get(row["parent_id"] or 0)
            return (above["name"] if above else row["name"] if row["is_company"] else row["company_name"]) or False
        if name == "is_blacklisted":
            blocked = {each["email"] for each in self.state["rows"]["mail.blacklist"].values() if each["active"]}
            return self._stored(model, number, "email_normalized") in blocked
        return row.get(name, False)

    def _shown(self, model: str, number: int, fields: Sequence[str]) -> Row:
        kinds, shown = self._kinds(model), {"id": number}
        for name in fields:
            if name not in kinds:
                raise OdooError("ValueError", f"Invalid field '{name}' on '{model}'")
            value = self._stored(model, number, name)
            if kinds[name] == "datetime":
                value = value.strftime("%Y-%m-%d %H:%M:%S")
            if kinds[name] == "many2one" and value:
                value = [value, self._label(name, value)]
            shown[name] = value
        return shown

    def _label(self, name: str, number: int) -> str:
        model = {
            "parent_id": "res.partner",
            "country_id": "res.country",
            "state_id": "res.country.state",
            "contact_id": "mailing.contact",
            "list_id": "mailing.list",
            "title": "res.partner.category",
        }[name]
        row = self.state["rows"][model][number]
        return str(row.get("name") or row.get("email") or "")


def method_of(content: bytes) -> str:
    """Which method a request of the older protocols calls, "" for others."""
    if content.startswith(b"<?xml"):
        args, name = xmlrpc.client.loads(content)
        return str(args[4]) if name == "execute_kw" else ""
    try:
        params = orjson.loads(content).get("params", {})
    except (orjson.JSONDecodeError, AttributeError):
        return ""
    return str(params["args"][4]) if params.get("method") == "execute_kw" else ""
