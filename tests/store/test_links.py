"""Golden ids through merges, in both databases."""

from hub.store import links


def test_each_id_leads_to_the_one_that_answers_for_it_today(store):
    heirs = {"a": "b", "b": "c", "c": None, "d": None, "e": "c"}
    with store.write() as tx:
        for golden_id, heir in heirs.items():
            tx.run(
                "INSERT INTO golden (id, state, merged_into, version, fields, created_at, updated_at)"
                " VALUES (:g, 'live', :h, 1, '{}', 1, 1)",
                g=golden_id,
                h=heir,
            )
    with store.read() as tx:
        found = links.resolve_goldens(tx, [*heirs, "never"])

        assert found == {"a": "c", "b": "c", "c": "c", "d": "d", "e": "c"}
        assert found == {g: links.resolve_golden(tx, g) for g in heirs}
        assert links.resolve_goldens(tx, []) == {}


def test_what_is_different_from_a_former_record_is_so_from_the_one_that_has_its_id(store):
    with store.write() as tx:
        for a, b, said in ((1, 5, "different"), (5, 7, "different"), (3, 5, "same")):
            tx.run(
                "INSERT INTO verdict (record_a, record_b, answer, person, at) VALUES (:a, :b, :s, 'eve', 1.0)",
                a=a,
                b=b,
                s=said,
            )
        links.keep_apart(tx, [(5, 9)])
        assert links.verdicts(tx, [9]) == {(1, 9): "different", (7, 9): "different"}
