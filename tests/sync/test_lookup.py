"""Who is calling, also where the number is one that nobody can have."""

from __future__ import annotations

from contextlib import closing

import pytest

from hub.store.search import SearchIndex
from hub.sync.follow import step
from hub.sync.lookup import by_phone
from tests.fakes.rig import Rig


@pytest.mark.parametrize("number", ["+4900000000", "00000000", "+490000000", "+351000000000", "+49301234567"])
def test_who_is_found_under_a_number_is_found_under_what_is_shown_of_it(rig: Rig, number: str) -> None:
    rig.add("crm").put("1", first="Ada", last="Abreu", tel=number)
    rig.sync("crm")
    with closing(SearchIndex(None)) as index:
        while step(rig.store, index):
            pass
        [shown] = [key.removeprefix("phones/") for key in rig.golden("crm", "1") if key.startswith("phones/")]

        for text in (number, shown):
            found = by_phone(rig.store, index, text, "PT")
            assert [caller.head.id for caller in found.found] == [rig.home("crm", "1")], text
