"""A first service file out of an OpenAPI or Swagger description: what it tells, and guesses marked for checking.

Names of parameters and fields are compared as bare letters, so `first_name`, `firstName` and `FIRSTNAME` are one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from hub.connectors.rest.description import Description, Operation, last_gap

CHECK = "  # check"
_GAP = re.compile(r"\{(\w+)\}")
PEOPLE = "contacts contact people person persons customers subscribers members leads partners users clients".split()
PAGES = {"page", "pagenumber", "pageno", "currentpage"}
OFFSETS = {"offset", "skip", "start", "startindex"}
SIZES = {"limit", "pagesize", "perpage", "count", "size", "maxresults", "top", "pagelimit"}
CURSORS = {"cursor", "after", "pagetoken", "startingafter", "nexttoken", "continuationtoken", "next", "pagecursor"}
NEXT = {"nextcursor", "nextpagetoken", "after", "cursor", "nexttoken", "continuationtoken", "endcursor"}
ADDRESSES = {"next", "nextlink", "nextpage", "nexturl", "nextpageuri", "odatanextlink"}
TOTALS = {"total", "totalcount", "totalitems", "totalresults", "count", "totalsize"}
SINCE = {"updatedsince", "modifiedsince", "since", "updatedafter", "modifiedafter", "updatedfrom", "changedsince",
         "sincelastchanged", "lastmodifiedafter", "updatedatmin", "updatedatafter"}  # fmt: skip
CHANGED = ("updatedat", "updated", "modifiedat", "modified", "lastmodified", "updatedtime", "dateupdated",
           "lastchanged", "changedat", "modifiedon", "datemodified")  # fmt: skip
IDS = ("id", "uuid", "uid", "key", "contactid", "resourcename", "sid")
FIELDS: Mapping[str, tuple[str, ...]] = {
    "given_name": ("firstname", "givenname", "forename"),
    "family_name": ("lastname", "familyname", "surname"),
    "full_name": ("fullname", "displayname", "name"),
    "emails": ("email", "emailaddress", "mail", "emails", "emailaddresses"),
    "phones": ("phone", "phonenumber", "telephone", "mobile", "mobilephone", "sms", "phones", "phonenumbers"),
    "company": ("company", "companyname", "organisation", "organization", "organizationname"),
    "job_title": ("jobtitle", "title", "position"),
    "website": ("website", "url", "homepage"),
    "birth_date": ("birthdate", "birthday", "dateofbirth"),
    "language": ("language", "locale", "lang"),
    "tax_id": ("taxid", "vat", "vatnumber", "taxnumber"),
    "note": ("note", "notes", "comment"),
}
PARTS: Mapping[str, tuple[str, ...]] = {
    "street": ("street", "address1", "addressline1", "addr1", "streetaddress", "line1"),
    "locality": ("city", "locality", "town"),
    "region": ("state", "region", "province"),
    "postcode": ("zip", "postcode", "postalcode", "zipcode"),
    "country": ("country", "countrycode"),
}
INNER = ("value", "email", "emailaddress", "address", "number", "phone")  # of an object in a list of e-mails, phones


def bare(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


@dataclass(frozen=True, slots=True)
class Calls:
    """The calls of one kind of record."""

    listing: Operation
    read: Operation | None
    create: Operation | None
    update: Operation | None
    delete: Operation | None
    items: str
    row: Mapping[str, Any]


def draft(data: Any, name: str, resource: str | None = None) -> str:
    """A service file. ValueError when there is nothing in it that could be a list of people.

    resource  path of the listing, such as /contacts; None: the one that looks most like people
    """
    description = Description(data)
    calls = _calls(description, resource)
    inside = _inside(description, calls.row)
    auth, settings = _auth(description)
    lines = [
        f"# Drafted from the description of {description.title or name}. Lines marked `check` are guesses: hold them",
        "# against the documentation, then run `hub connector try CONNECTION`.",
        f"service: {_plain(description.title or name)}",
        f"about: contacts of {_plain(description.title or name)}",
        'url: "{url}"',
        "settings:",
        *settings,
        *_gaps(calls),
        f"auth: {auth}",
        f'check: {{call: "{_call(calls.listing)}"}}',
        "record:",
        *_record(description, calls.row, inside),
        *_listing(description, calls),
        *_writes(description, calls, inside),
        "promise: W"
        + CHECK
        + ": K if a create with the same id or e-mail is taken once, R if the hub's key can be found",
        "unconfirmed:",
        "  - drafted from a description and not checked against the service",
        "mapping:",
        *_mapping(description, description.properties(calls.row).get(inside, calls.row) if inside else calls.row),
    ]
    return "\n".join(lines) + "\n"


# --- which calls ------------------------------------------------------------------------------------


def _calls(description: Description, resource: str | None) -> Calls:
    operations = list(description.operations())
    listings = [
        (each, rows)
        for each in operations
        if each.method == "get" and last_gap(each.path) is None and (rows := description.rows(each.answer)) is not None
    ]
    if resource is not None:
        listings = [(each, rows) for each, rows in listings if each.path == resource]
    if not listings:
        lists = ", ".join(sorted(each.path for each in operations if each.method == "get" and "{" not in each.path))
        raise ValueError(f"no call that lists records{' at ' + resource if resource else ''}. Calls that read: {lists}")
    listing, (items, row) = max(listings, key=lambda each: _likeness(description, each[0], each[1][1]))
    of_one = [each for each in operations if last_gap(each.path) == listing.path.rstrip("/")]
    by = {each.method: each for each in of_one}
    create = next((each for each in operations if each.method == "post" and each.path == listing.path), None)
    return Calls(listing, by.get("get"), create, by.get("patch") or by.get("put"), by.get("delete"), items, row)


def _likeness(description: Description, operation: Operation, row: Mapping[str, Any]) -> tuple[int, int, int]:
    """How much a listing looks like one of people: its name, its fields; a short path before a long one."""
    last = bare(operation.path.rstrip("/").rpartition("/")[2])
    named = len(PEOPLE) - PEOPLE.index(last) if last in PEOPLE else 0
    fields = len(_known(description.properties(row)))
    return (named > 0) + (fields > 1), named + fields, -len(operation.path)


# --- parts of the file ------------------------------------------------------------------------------


def _auth(description: Description) -> tuple[str, list[str]]:
    """(the line of `auth`, the settings)"""
    address = description.address
    needed = "" if address.startswith("http") else ", required: true"
    default = f', default: "{address}"' if address.startswith("http") else ""
    settings = [f"  url: {{help: address of the interface{default}{needed}}}"]
    secret = "  secret: {help: key of the account, secret: true, required: true}"  # noqa: S105 - a line of a file
    for scheme in description.security:
        kind, place = scheme.get("type"), scheme.get("in")
        if kind == "apiKey" and place in {"header", "query"}:
            prefix = "Bearer " if bare(str(scheme["name"])) == "authorization" else ""
            mark = CHECK + ": what stands before the key" if prefix else ""
            return f'{{{place}: {{{scheme["name"]}: "{prefix}{{secret}}"}}}}{mark}', [*settings, secret]
        if kind == "basic" or (kind == "http" and scheme.get("scheme", "").lower() == "basic"):
            user = "  user: {help: user of the interface, required: true}"
            return '{basic: {user: "{user}", password: "{secret}"}}', [*settings, user, secret]
        if kind == "http":
            return '{bearer: "{secret}"}', [*settings, secret]
        if kind == "oauth2":
            return _oauth(scheme), [*settings, "  client: {help: client id, required: true}", secret]
    return '{bearer: "{secret}"}' + CHECK + ": the description names no authentication", [*settings, secret]


def _oauth(scheme: Mapping[str, Any]) -> str:
    flows = scheme.get("flows") or {"clientCredentials": scheme}
    address = next((flow["tokenUrl"] for flow in flows.values() if flow.get("tokenUrl")), "https://")
    return f'{{oauth: {{token_url: "{address}", client_id: "{{client}}", client_secret: "{{secret}}"}}}}' + CHECK


def _gaps(calls: Calls) -> list[str]:
    """A setting for each parameter in the path of the listing, such as the list that members are of."""
    return [f"  {name}: {{help: part of the path, required: true}}" for name in _GAP.findall(_call(calls.listing))]


def _inside(description: Description, row: Mapping[str, Any]) -> str | None:
    """The object in a record that holds its fields, where they are not the record's own."""
    properties = description.properties(row)
    if _known(properties):
        return None
    return next((name for name, each in properties.items() if len(_known(description.properties(each))) > 1), None)


def _known(properties: Iterable[str]) -> list[str]:
    synonyms = {synonym for each in FIELDS.values() for synonym in each}
    return [name for name in properties if bare(name) in synonyms]


def _record(description: Description, row: Mapping[str, Any], inside: str | None) -> list[str]:
    properties = description.properties(row)
    name = _first(properties, IDS)
    lines = [f"  id: {name}" if name else "  id: id" + CHECK]
    if inside is not None:
        lines.append(f"  fields: {inside}")
    if changed := _first(properties, CHANGED):
        form = "epoch" if properties[changed].get("type") == "integer" else "iso"
        lines.append(f"  changed: {{at: {changed}, form: {form}}}" + CHECK)
    return lines


def _listing(description: Description, calls: Calls) -> list[str]:
    query, paging, size = _paging(description, calls)
    shared = [f'  items: "{calls.items}"', f"  size: {size}" + CHECK, *paging]
    lines = ["list:", f'  call: "{_call(calls.listing)}"', *_query(query), *shared]
    since = _first(calls.listing.query, SINCE)
    if since is not None:
        lines += ["changes:" + CHECK + ": form and overlap", f'  call: "{_call(calls.listing)}"']
        lines += [*_query({**query, since: '"{since}"'}), *shared, "  since: iso"]
    return lines


def _paging(description: Description, calls: Calls) -> tuple[dict[str, str], list[str], int]:
    """(query, lines of `paging`, records a page)"""
    known = calls.listing.query
    query: dict[str, str] = {}
    size = 100
    if by_size := _first(known, SIZES):
        size = min(int(known[by_size].get("maximum") or 100), 2000)
        query[by_size] = '"{size}"'
    places = _places(description, calls.listing.answer)
    total = next((f", total: {place}" for place, name in places if name in TOTALS), "")
    following = next((place for place, name in places if name in NEXT), None)
    if (cursor := _first(known, CURSORS)) and following:
        return {**query, cursor: '"{cursor}"'}, [f'  paging: {{cursor: "{following}"}}' + CHECK], size
    if address := next((place for place, name in places if name in ADDRESSES), None):
        return query, [f'  paging: {{next: "{address}"}}' + CHECK], size
    if page := _first(known, PAGES):
        return {**query, page: '"{page}"'}, [f"  paging: {{page: 1{total}}}" + CHECK], size
    if offset := _first(known, OFFSETS):
        return {**query, offset: '"{offset}"'}, [f"  paging: {{offset: 0{total}}}" + CHECK], size
    return query, ["  # check: no paging was found: all records are taken to come at once"], size


def _places(
    description: Description, schema: Mapping[str, Any], way: str = "", depth: int = 0
) -> list[tuple[str, str]]:
    """(place, bare name) of the values around the list in an answer."""
    found: list[tuple[str, str]] = []
    for name, inner in description.properties(schema).items():
        step = name if re.fullmatch(r"\w+", name) else f"['{name}']"
        place = f"{way}.{step}" if way and not step.startswith("[") else way + step
        if inner.get("properties") and depth < 3:
            found += _places(description, inner, place, depth + 1)
        elif inner.get("type") != "array":
            found.append((place, bare(name)))
    return found


def _query(query: Mapping[str, str]) -> list[str]:
    return [f"  query: {{{', '.join(f'{_plain(name)}: {value}' for name, value in query.items())}}}"] if query else []


def _writes(description: Description, calls: Calls, inside: str | None) -> list[str]:
    lines = []
    fields = '"{fields}"' if inside is None else f'{{{inside}: "{{fields}}"}}'
    if calls.read is not None:
        place = _record_in(description, calls.read)
        lines.append(f'read: {{call: "{_with_id(calls.read)}"' + (f", items: {place}}}" if place else "}"))
    for kind, operation in (("create", calls.create), ("update", calls.update)):
        if operation is None:
            continue
        whole = ", whole: true" if operation.method == "put" else ""
        mark = CHECK + ": does it replace the whole record?" if whole else ""
        place = _record_in(description, operation)
        answer = f', record: "{place}"' if place is not None else ", id: id" if kind == "create" else ""
        if not answer and calls.read is None:
            continue  # what came of it could not be seen
        sent = "form" if operation.is_form else "body"
        lines.append(f'{kind}: {{call: "{_with_id(operation)}", {sent}: {fields}{answer}{whole}}}{mark}')
    if calls.delete is not None:
        lines.append(f'delete: {{call: "{_with_id(calls.delete)}"}}')
    return lines


def _record_in(description: Description, operation: Operation) -> str | None:
    """Place of the record in an answer; None when there is none."""
    properties = description.properties(operation.answer)
    if _first(properties, IDS) is not None:
        return ""
    return next((name for name, each in properties.items() if _first(description.properties(each), IDS)), None)


def _with_id(operation: Operation) -> str:
    """With the record's id in place of the last parameter."""
    return _call(operation, re.sub(r"\{[^}]+\}$", "{id}", operation.path))


def _call(operation: Operation, path: str | None = None) -> str:
    """Its parameters as gaps: letters, digits and underscores."""
    named = re.sub(r"\{([^}]+)\}", lambda found: "{" + re.sub(r"\W", "_", found[1]) + "}", path or operation.path)
    return f"{operation.method.upper()} {named}"


def _mapping(description: Description, row: Mapping[str, Any]) -> list[str]:
    properties = description.properties(row)
    lines = ["  fields:"]
    for field, synonyms in FIELDS.items():
        if (name := _first(properties, synonyms)) is None or (field == "full_name" and len(lines) > 2):
            continue
        lines.append(f"    {field}: {_path(description, name, properties[name])}" + CHECK)
    lines += _address(description, properties)
    if len(lines) == 1:
        lines = ["  fields: {}" + CHECK + ": no field was known by its name"]
    return lines


def _path(description: Description, name: str, schema: Mapping[str, Any]) -> str:
    step = name if re.fullmatch(r"[\w$-]+", name) else f"['{name}']"
    if schema.get("type") != "array":
        return yaml.safe_dump(step, default_style='"').strip() if not re.fullmatch(r"\w+", step) else step
    inner = _first(description.properties(schema.get("items") or {}), INNER)
    return f'"{step}[]"' if inner is None else f'"{step}[].{inner}"'


def _address(description: Description, properties: Mapping[str, Mapping[str, Any]]) -> list[str]:
    for way, inner in [("", properties), *((f"{n}.", description.properties(p)) for n, p in properties.items())]:
        parts = {part: name for part, synonyms in PARTS.items() if (name := _first(inner, synonyms))}
        if len(parts) > 1:
            rows = ", ".join(f'{part}: "{way}{name}"' for part, name in parts.items())
            return [f"    addresses: {{from: {{{rows}}}}}" + CHECK]
    return []


def _first(names: Iterable[str], synonyms: Iterable[str]) -> str | None:
    known = {bare(name): name for name in names}
    order = synonyms if isinstance(synonyms, tuple) else sorted(synonyms)
    return next((known[each] for each in order if each in known), None)


def _plain(text: str) -> str:
    """As a YAML value that is surely a text."""
    return text if re.fullmatch(r"[A-Za-z][\w ]*", text) else yaml.safe_dump(text, default_style='"').strip()
