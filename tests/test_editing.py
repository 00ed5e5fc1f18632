"""The configuration is saved whole or not at all, and never over what somebody else has saved meanwhile."""

import os
import random
import signal
import stat
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from hub.config import connection_mapping, load_config
from hub.config.editing import (
    REMOVED,
    Change,
    StaleEdit,
    Written,
    changed,
    judge,
    open_file,
    read_only,
    save,
    writable,
)
from hub.errors import ConfigError

HUB = """\
# ours
store: sqlite:///data/hub.db
connections:
  partners:   # those who sell for us
    type: file
    path: inbox/partners.csv
    mapping: mappings/partners.yaml
"""
MAPPING = """\
# their words
fields:
  given_name: first
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "mappings").mkdir()
    (tmp_path / "hub.yaml").write_text(HUB)
    (tmp_path / "mappings/partners.yaml").write_text(MAPPING)
    return tmp_path


def edited(folder, path, value, name="hub.yaml"):
    there = open_file(folder, name)
    return replace(there, text=changed(there.text, [Change(path, value)]))


def test_what_is_saved_is_what_is_there(folder):
    config = save(folder, [edited(folder, ("connections", "partners", "push"), False)])

    assert config.connections["partners"].push is False
    assert load_config(folder) == config
    assert (folder / "hub.yaml").read_text() == HUB + "    push: false\n"


def test_a_file_that_somebody_else_has_saved_is_not_written_over(folder):
    mine = edited(folder, ("connections", "partners", "push"), False)
    theirs = HUB.replace("# ours", "# theirs")
    (folder / "hub.yaml").write_text(theirs)

    with pytest.raises(StaleEdit) as refused:
        save(folder, [mine])

    assert (refused.value.name, refused.value.now) == ("hub.yaml", theirs)
    assert (folder / "hub.yaml").read_text() == theirs


def test_a_file_that_has_come_meanwhile_is_not_written_over(folder):
    new = replace(open_file(folder, "mappings/new.yaml"), text=MAPPING)
    assert new.etag == ""
    (folder / "mappings/new.yaml").write_text("fields: {}\n")

    with pytest.raises(StaleEdit):
        save(folder, [new])


def test_a_mistake_in_one_file_keeps_all_as_they_were(folder):
    files = [
        edited(folder, ("connections", "partners", "push"), False),
        edited(
            folder, ("fields", "given_name"), {"from": "first", "transforms": "no_such_thing"}, "mappings/partners.yaml"
        ),
    ]

    with pytest.raises(ConfigError, match=r"mappings/partners.yaml:\d+"):
        save(folder, files)

    assert (folder / "hub.yaml").read_text() == HUB
    assert (folder / "mappings/partners.yaml").read_text() == MAPPING
    assert sorted(path.name for path in folder.iterdir()) == ["hub.yaml", "mappings"]


def test_every_mistake_is_named_with_its_line(folder):
    text = HUB + "    schedule: often\n    pash: false\n"

    with pytest.raises(ConfigError) as refused:
        judge(folder, {"hub.yaml": text})

    assert "hub.yaml:8: connections.partners.schedule:" in str(refused.value)
    assert "hub.yaml:9: connections.partners.pash: there is no such key" in str(refused.value)


def test_a_judged_configuration_maps_as_its_texts_say(folder):
    config = judge(folder, {"mappings/partners.yaml": "fields:\n  family_name: last\n"})

    assert connection_mapping(config, "partners").covers("family_name")
    assert not connection_mapping(config, "partners").covers("given_name")
    assert connection_mapping(load_config(folder), "partners").covers("given_name")


def test_a_new_mapping_and_what_names_it_are_saved_together(folder):
    files = [
        edited(folder, ("connections", "more"), {"type": "file", "path": "m.csv", "mapping": "mappings/more.yaml"}),
        replace(open_file(folder, "mappings/more.yaml"), text=MAPPING),
    ]

    assert save(folder, files).connections["more"].mapping == "mappings/more.yaml"


def test_mode_and_links_are_kept(folder):
    real = folder / "elsewhere.yaml"
    (folder / "hub.yaml").rename(real)
    (folder / "hub.yaml").symlink_to(real)
    real.chmod(0o640)

    save(folder, [edited(folder, ("connections", "partners", "push"), False)])

    assert (folder / "hub.yaml").is_symlink()
    assert "push: false" in real.read_text()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640


def test_a_removed_connection_leaves_the_rest(folder):
    config = save(folder, [edited(folder, ("connections", "partners"), REMOVED)])

    assert config.connections == {}
    assert (
        folder / "hub.yaml"
    ).read_text() == "# ours\nstore: sqlite:///data/hub.db\nconnections: {}   # those who sell for us\n".replace(
        "   # those who sell for us", ""
    )


@pytest.mark.parametrize("name", ["../hub.yaml", "/etc/passwd", "a/../../b.yaml", "", "a\x00b", "..\\x"])
def test_only_files_of_the_folder_are_opened(folder, name):
    with pytest.raises(ConfigError):
        open_file(folder, name)
    with pytest.raises(ConfigError):
        save(folder, [Written(name, "a: 1\n", "")])


def test_a_mark_at_the_beginning_of_a_file_stays(folder):
    (folder / "hub.yaml").write_bytes(b"\xef\xbb\xbf" + HUB.encode())

    save(folder, [edited(folder, ("connections", "partners", "push"), False)])

    assert (folder / "hub.yaml").read_bytes() == b"\xef\xbb\xbf" + (HUB + "    push: false\n").encode()


def test_where_editing_is_switched_off_nothing_is_written(folder):
    (folder / "hub.yaml").write_text(HUB + "web: {edit: false}\n")
    config = load_config(folder)

    assert not writable(config)
    assert "web.edit" in read_only(config)
    with pytest.raises(ConfigError, match="edit: false"):
        save(folder, [edited(folder, ("connections", "partners", "push"), False)])


def test_of_many_who_save_at_once_one_wins_and_the_others_hear_of_it(folder):
    mine = [edited(folder, ("connections", "partners", "schedule"), f"every {n} minutes") for n in range(1, 9)]
    came: list[str] = []

    def one(file):
        try:
            save(folder, [file])
            came.append("saved")
        except StaleEdit:
            came.append("stale")

    threads = [threading.Thread(target=one, args=(file,)) for file in mine]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(came) == ["saved", *["stale"] * 7]


SAVES_FOR_EVER = """
import sys
from dataclasses import replace
from pathlib import Path
from hub.config.editing import open_file, save

folder = Path(sys.argv[1])
n = 0
while True:
    n = 1 - n
    hub, mapping = open_file(folder, "hub.yaml"), open_file(folder, "mappings/partners.yaml")
    partners = "{type: file, path: p.csv, mapping: mappings/partners.yaml, push: %s}" % ("true" if n else "false")
    save(folder, [
        replace(hub, text=f"connections:\\n  partners: {partners}\\n"),
        replace(mapping, text=f"fields:\\n  {'given_name' if n else 'family_name'}: name\\n"),
    ])
    print("saved", flush=True)
"""


def test_a_kill_at_any_moment_leaves_whole_files_and_a_hub_that_starts(folder):
    chance = random.Random(5)
    for _ in range(6):
        process = subprocess.Popen(
            [sys.executable, "-c", SAVES_FOR_EVER, str(folder)],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)},
        )
        assert process.stdout is not None
        assert process.stdout.readline() == b"saved\n"
        time.sleep(chance.random() / 20)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()

        mapping = connection_mapping(load_config(folder), "partners")
        assert mapping.covers("given_name") != mapping.covers("family_name")
