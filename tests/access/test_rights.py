"""Rights and roles: the table itself."""

import pytest

from hub.access.rights import RIGHTS, Actor, Right, Role, scopes_within


def test_every_role_has_its_rights():
    assert set(RIGHTS) == set(Role)


def test_each_role_has_all_rights_of_the_one_before_it():
    for less, more in zip(list(Role), list(Role)[1:], strict=False):
        assert RIGHTS[less] < RIGHTS[more]


def test_an_administrator_has_every_right():
    assert RIGHTS[Role.ADMINISTRATOR] == frozenset(Right)


def test_a_viewer_sees_no_personal_data():
    assert RIGHTS[Role.VIEWER] == {Right.HEALTH}


@pytest.mark.parametrize("right", [Right.ACCESS, Right.AUDIT, Right.CONFIGURE])
def test_only_an_administrator_rules_over_the_others(right):
    assert [role for role in Role if right in RIGHTS[role]] == [Role.ADMINISTRATOR]


def test_the_table_cannot_be_changed():
    with pytest.raises(TypeError):
        RIGHTS[Role.VIEWER] = frozenset(Right)  # type: ignore[index]


def test_an_actor_may_what_is_among_the_rights():
    actor = Actor("ann", frozenset({Right.LOG}), "1", None, fresh=False)

    assert actor.may(Right.LOG)
    assert not actor.may(Right.EDIT)


def test_scopes_are_rights_by_name():
    assert scopes_within(["log", "lookup"], RIGHTS[Role.AGENT]) == {Right.LOG, Right.LOOKUP}


def test_a_scope_beyond_what_is_allowed_is_named():
    with pytest.raises(ValueError, match=r"^access, nonsense$"):
        scopes_within(["access", "log", "nonsense"], RIGHTS[Role.AGENT])
