"""What matching sees of a record, and how it is kept."""

import orjson
from hypothesis import given

from hub.dedupe.features import EDITION, features, pack, unpack
from tests.dedupe.people import records


@given(records)
def test_features_come_back_as_they_were_packed(record):
    seen = features(record)

    assert unpack(pack(seen)) == seen


def test_features_of_another_edition_are_not_taken_for_ours():
    edition, *rest = orjson.loads(pack(features({"given_name": "Ann"})))

    assert edition == EDITION
    assert unpack(orjson.dumps([EDITION + 1, *rest]).decode()) is None
