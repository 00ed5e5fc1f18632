"""Which writes leave in one call."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.connectors.rest.grouping import gathered, grouped
from hub.connectors.rest.write_calls import Writing
from hub.errors import ConfigError
from hub.model import Op, Write
from tests.connectors.rest.acorn import spec

ONE = {"call": "PATCH /contacts/{id}", "body": "{fields}"}
SEVERAL = {"call": "POST /contacts/many", "body": {"all": "{items}"}, "item": "{fields}", "size": 5}


def writing(**several: object) -> Writing:
    return Writing.model_validate({**ONE, "several": {**SEVERAL, **several}})


ALIKE, ANY, ALONE = writing(alike=True), writing(), Writing.model_validate(ONE)
WRITES = st.lists(
    st.builds(
        lambda op, name, fields: Write(op, "hub:1", None if op is Op.CREATE else name, dict.fromkeys(fields, "x")),
        st.sampled_from([Op.CREATE, Op.UPDATE, Op.DELETE]),
        st.text("abcdefgh", min_size=1, max_size=2),
        st.sets(st.sampled_from(["first", "last", "note"])),
    ),
    max_size=20,
)


def kind_of(write: Write) -> Writing:
    return {Op.UPDATE: ALIKE, Op.CREATE: ANY}.get(write.op, ALONE)


def most(kind: Writing) -> int:
    return kind.several.size if kind.several is not None else 1


def in_calls(writes: Sequence[Write]) -> list[list[Write]]:
    return grouped([writes[number] for number in gathered(writes, kind_of)], kind_of, most)


@given(WRITES)
def test_every_write_leaves_once_with_its_like_and_no_record_twice_in_a_call(writes: list[Write]) -> None:
    calls = in_calls(writes)

    assert sorted(map(id, (write for call in calls for write in call))) == sorted(map(id, writes))
    for call in calls:
        names = [write.id for write in call if write.id is not None]
        assert len(call) <= most(kind_of(call[0]))
        assert len(set(names)) == len(names)
        assert len({write.op for write in call}) == 1
        assert call[0].op is not Op.UPDATE or len({frozenset(write.fields) for write in call}) == 1


@given(WRITES)
def test_writes_of_one_record_stay_in_their_order(writes: list[Write]) -> None:
    left = [write for call in in_calls(writes) for write in call]

    for name in {write.id for write in writes} - {None}:
        assert [id(each) for each in left if each.id == name] == [id(each) for each in writes if each.id == name]


def test_changes_of_the_same_fields_need_one_call_however_they_are_mixed() -> None:
    fields = [{"first": "Ana"}, {"last": "Silva"}]
    writes = [Write(Op.UPDATE, f"hub:{number}", str(number), fields[number % 2]) for number in range(10)]

    assert [[write.id for write in call] for call in in_calls(writes)] == [list("02468"), list("13579")]


@pytest.mark.parametrize(
    ("update", "said"),
    [
        ({**ONE, "several": {**SEVERAL, "items": "done"}}, "all of `items`, `by`, `sent` and `answer`"),
        ({**ONE, "whole": True, "several": SEVERAL}, "a call for one, without"),
    ],
)
def test_a_call_for_several_that_cannot_be_is_a_mistake_in_the_file(update: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        spec(update=update)
