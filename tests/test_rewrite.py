"""A file is changed where somebody changed it, and nowhere else."""

import difflib
from textwrap import dedent

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from hub.config.rewrite import REMOVED, Change, changed, difference
from hub.document import parse_document, write_value
from hub.errors import ConfigError

FILE = dedent(
    """\
    # The company's hub
    store:   sqlite:///data/hub.db   # kept on the fast disk

    connections:
      erp:   # the old one
        type: tryton
        url: 'http://127.0.0.1:8000'   # behind the proxy
        limits: { deletes: 5% or 20,   creates: none }   # asked for by Ann
        # nightly, since the day is theirs
        schedule:    every 5 minutes

      partners:
          type: file
          path: "inbox/*.csv"
          sheets:
            - one   # the first
            - 2
          names:
            - a: 1
              b: 2
            # the other
            - {a: 3}
    # the end
    """
)


def data(text):
    return parse_document(text, "test").data


def lines_that_differ(before, after):
    return [
        line
        for line in difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm="")
        if line[:1] in "+-" and line[:3] not in ("+++", "---")
    ]


def test_one_value_is_changed_and_its_comment_stays():
    after = changed(FILE, [Change(("connections", "erp", "url"), "https://erp.example.org")])

    assert lines_that_differ(FILE, after) == [
        "-    url: 'http://127.0.0.1:8000'   # behind the proxy",
        "+    url: https://erp.example.org   # behind the proxy",
    ]


def test_a_key_within_braces_is_changed_alone():
    after = changed(FILE, [Change(("connections", "erp", "limits"), {"deletes": "5% or 20", "creates": 7})])

    assert "limits: { deletes: 5% or 20,   creates: 7 }   # asked for by Ann" in after


def test_a_connection_is_added_after_the_others():
    new = {"type": "file", "path": "new.csv", "limits": {"deletes": "none"}}
    after = changed(FILE, [Change(("connections", "new_one"), new, open=True)])

    assert lines_that_differ(FILE, after) == [
        "+  new_one:",
        "+    type: file",
        "+    path: new.csv",
        "+    limits: {deletes: none}",
    ]


def test_a_connection_is_removed_with_its_lines_and_no_others():
    after = changed(FILE, [Change(("connections", "partners"), REMOVED)])

    assert all(line.startswith("-") for line in lines_that_differ(FILE, after))
    assert after.endswith("every 5 minutes\n\n# the end\n")


def test_the_last_connection_leaves_an_empty_group():
    text = "connections:\n  only:\n    type: file\n# end\n"

    assert changed(text, [Change(("connections", "only"), REMOVED)]) == "connections: {}\n# end\n"


def test_lists_are_changed_item_by_item():
    path = ("connections", "partners", "names")
    after = changed(FILE, [Change(path, [{"a": 1, "b": 5}, {"a": 3}, {"a": 4, "c": [1, 2]}])])

    assert "        # the other\n" in after
    assert data(after)["connections"]["partners"]["names"] == [{"a": 1, "b": 5}, {"a": 3}, {"a": 4, "c": [1, 2]}]


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "{}\n", "connections:\n", "connections: {}\n", "---\n"])
def test_the_first_connection_of_a_file(text):
    after = changed(text, [Change(("connections", "one"), {"type": "file", "path": "a.csv"})])

    assert data(after) == {"connections": {"one": {"type": "file", "path": "a.csv"}}}


@pytest.mark.parametrize("end", ["\n", ""])
def test_line_ends_of_other_systems_are_kept(end):
    text = ("a: 1\nb:\n  c: 2" + end).replace("\n", "\r\n")

    after = changed(text, [Change(("b", "d"), {"e": "x"}, open=True), Change(("a",), 3)])

    assert after == ("a: 3\nb:\n  c: 2\n  d:\n    e: x" + end).replace("\n", "\r\n")


@pytest.mark.parametrize(
    "value",
    [
        "NO",
        "yes",
        "1e5",
        "0123",
        "2026-11-22",
        "true",
        "null",
        "~",
        "",
        " a ",
        "a: b",
        "#",
        "-",
        "*x",
        "é\u2028",
        "1:30",
    ],
)
def test_texts_that_look_like_something_else_stay_texts(value):
    after = changed("a: 1\n", [Change(("a",), value), Change(("b",), [value]), Change(("c",), {"k": value})])

    assert data(after) == {"a": value, "b": [value], "c": {"k": value}}


def test_what_stands_for_two_places_is_not_changed_for_one():
    text = "base: &b {type: file}\nconnections:\n  one: *b\n  two:\n    <<: *b\n    path: x\n"

    for path in (("connections", "one", "type"), ("base", "type"), ("base",)):
        with pytest.raises(ConfigError, match="editor"):
            changed(text, [Change(path, "sql")])
    assert data(changed(text, [Change(("connections", "two", "type"), "sql")]))["connections"]["two"] == {
        "type": "sql",
        "path": "x",
    }


def test_a_difference_names_the_file():
    assert difference("a: 1\n", "a: 2\n", "hub.yaml").splitlines() == [
        "--- hub.yaml",
        "+++ hub.yaml",
        "@@ -1 +1 @@",
        "-a: 1",
        "+a: 2",
    ]
    assert difference("a: 1\n", "a: 1\n", "hub.yaml") == ""


# --- for any file -----------------------------------------------------------------------------------

words = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=12)
keys = st.one_of(st.from_regex(r"[a-z_]{1,6}", fullmatch=True), words.filter(bool), st.integers(-5, 99))
scalars = st.one_of(st.none(), st.booleans(), st.integers(-(10**12), 10**12), words, st.text("ab \n#:", max_size=9))
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=8,
)
files = st.dictionaries(keys, values, min_size=1, max_size=4)
comments = st.from_regex(r"# [a-z]{1,8}", fullmatch=True)


@st.composite
def written(draw):
    """A file as somebody may have written it: with comments after and between lines, blank lines, own spacing."""
    lines = []
    flat = draw(st.booleans())
    for key, value in draw(files).items():
        for line in write_value({key: value} if flat else {key: {"in": value}}).split("\n"):
            can_have_comment = not draw(st.booleans()) or any(mark in line for mark in "'\"|>#")
            lines.append(line if can_have_comment else f"{line}  {draw(comments)}")
        lines += draw(st.lists(comments | st.just(""), max_size=2))
    text = "\n".join(lines) + "\n"
    try:
        data(text)
    except ConfigError:
        return "a:\n  b: 1   # why\n"
    return text


def places(value, at=()):
    yield at
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(inner, (*at, key))


def set_at(value, path, new):
    if not path:
        return new
    key, *rest = path
    copy = list(value) if isinstance(value, list) else dict(value) if isinstance(value, dict) else {}
    if not rest and new is REMOVED:
        copy.pop(key)
    elif isinstance(copy, list):
        copy[key : key + 1] = [set_at(copy[key] if key < len(copy) else None, rest, new)]
    else:
        copy[key] = set_at(copy.get(key), rest, new)
    return copy


@settings(max_examples=300)
@given(text=written(), draw=st.data())
def test_a_change_means_what_it_says_and_touches_no_other_line(text, draw):
    path = draw.draw(st.sampled_from([at for at in places(data(text)) if at]))
    new = draw.draw(st.one_of(values, st.just(REMOVED)))

    note(text)
    after = changed(text, [Change(path, new)])

    assert data(after) == set_at(data(text), path, new)
    untouched = outside(text, path)
    assert is_subsequence(untouched, after.splitlines())


@settings(max_examples=100)
@given(text=written(), key=keys, new=values)
def test_a_new_key_only_adds_lines(text, key, new):
    there = data(text)
    if key in there:
        return

    after = changed(text, [Change((key,), new)])

    assert data(after) == {**there, key: new}
    assert is_subsequence(text.splitlines(), after.splitlines())


def outside(text, path):
    """The lines of the top-level entries that the change is not in."""
    document = parse_document(text, "test")
    first = document.key_lines[path[:1]]
    later = [line for place, line in document.key_lines.items() if len(place) == 1 and line > first]
    lines = text.splitlines()
    return [*lines[: first - 1], *(lines[min(later) - 1 :] if later else [])]


def is_subsequence(few, many):
    rest = iter(many)
    return all(any(line == other for other in rest) for line in few)
