"""Flip and cut: everything before the damage is kept, the damage is named, and nothing else is ever raised."""

import os

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bmi_app.record.batches import BatchFile
from bmi_app.record.damage import JournalError
from bmi_app.record.integrity import verify
from bmi_app.record.kinds import KINDS, file_name
from bmi_app.record.message import MessageFile
from bmi_app.record.reading import read


def bounds(path):
    """Return where each message of an intact file begins, and where the last ends."""
    walk = MessageFile(path)
    begins = [message.offset for message in walk]
    assert walk.damage is None
    return np.array([*begins, walk.good_bytes])


def test_every_single_bit_matters(recorded):
    """Flip each bit of a small file, header and end mark included."""
    folder, _ = recorded(12, 6)
    path = folder / file_name("events")
    good = path.read_bytes()
    edges = bounds(path)
    assert len(edges) > 2
    broken = bytearray(good)
    with path.open("r+b", buffering=0) as file:
        for place in range(len(good)):
            for bit in range(8) if place % 7 == 0 else (place % 8,):
                broken[place] ^= 1 << bit
                file.seek(place)
                file.write(broken[place : place + 1])
                walk = MessageFile(path)
                n_messages = sum(1 for _ in walk)
                assert walk.damage is not None
                assert n_messages == np.searchsorted(edges, place, "right") - 1
                assert walk.damage.byte == edges[n_messages]
                broken[place] = good[place]
            file.seek(place)
            file.write(good[place : place + 1])
    assert path.read_bytes() == good


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(KINDS),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), min_size=1, max_size=4),
)
def test_flipped_bits_are_named_and_everything_before_is_kept(recorded, kind, flips):
    folder, made = recorded(40, 7)
    path = folder / file_name(kind)
    whole = read(folder)
    edges = bounds(path)
    batches = [len(batch.records) for batch in BatchFile(folder, kind)]
    raw = bytearray(path.read_bytes())
    changed = {}
    for where, mask in flips:
        changed[int(where * len(raw))] = mask
    for place, mask in changed.items():
        raw[place] ^= mask
    path.write_bytes(raw)

    first_bad = int(np.searchsorted(edges, min(changed), "right")) - 1  # index of the message, the schema being 0
    n_kept = sum(batches[: max(first_bad - 1, 0)])
    found = read(folder)
    assert made.same(found, kind, n_kept)
    assert [damage.file for damage in found.damage] == [path.name]
    assert found.damage[0].batch == first_bad - 1
    assert found.damage[0].byte == edges[first_bad]
    assert found.damage[0].last_tick == (made.records[kind]["tick"][n_kept - 1] if n_kept else -1)
    assert path.name in str(found.damage[0])
    for other in set(KINDS) - {kind}:
        assert getattr(found, other).tobytes() == getattr(whole, other).tobytes()
    assert [damage.file for damage in verify(folder)] == [path.name]


def test_cut_at_every_byte(recorded):
    folder, made = recorded(8, 3)
    path = folder / file_name("events")
    good = path.read_bytes()
    edges = bounds(path)
    batches = [len(batch.records) for batch in BatchFile(folder, "events")]
    for length in reversed(range(len(good))):
        os.truncate(path, length)
        walk = MessageFile(path)
        n_messages = sum(1 for _ in walk)
        assert n_messages == int(np.searchsorted(edges, length, "right")) - 1
        assert (walk.damage is None) == (length in edges)
        assert not walk.closed
        if length % 50 == 0 or length in edges:
            whole = BatchFile(folder, "events").read_all()
            n_records = sum(batches[: max(n_messages - 1, 0)])
            assert whole.records.tobytes() == made.records["events"][:n_records].tobytes()
            assert [damage.file for damage in verify(folder)] == [path.name]


@pytest.mark.parametrize("length", [0x7FFFFFFF, 0x00FFFFFF, 1 << 20, -1, 1, 7])
def test_no_length_is_believed(recorded, length):
    folder, _ = recorded(20, 5)
    path = folder / file_name("frames")
    raw = bytearray(path.read_bytes())
    begin = bounds(path)[2]
    raw[begin + 4 : begin + 8] = length.to_bytes(4, "little", signed=True)
    path.write_bytes(raw)
    found = read(folder)
    assert len(found.frames) == 5
    assert found.damage[0].batch == 1


@pytest.mark.parametrize("garbage", [b"x", b"\xff" * 100, b"\0" * 5000, b"\xff\xff\xff\xff\0\0\0\0"])
def test_bytes_after_the_end_are_named(recorded, garbage):
    folder, made = recorded(20, 5)
    with (folder / file_name("health")).open("ab") as file:
        file.write(garbage)
    found = read(folder)
    assert made.same(found, "health", 20)
    assert found.damage[0].what == "bytes after the end of the stream"


def test_a_lost_or_repeated_batch_is_found(recorded):
    folder, made = recorded(20, 5)
    path = folder / file_name("spikes")
    raw, edges = path.read_bytes(), bounds(path)
    path.write_bytes(raw[: edges[2]] + raw[edges[3] :])
    found = read(folder)
    assert found.damage[0].what == "batch 2 stands where batch 1 belongs"
    assert made.same(found, "spikes", made.n_until("spikes", 4))
    path.write_bytes(raw[: edges[2]] + raw[edges[1] :])
    assert read(folder).damage[0].what == "batch 0 stands where batch 1 belongs"


def test_a_file_of_another_kind_or_program_is_refused(recorded):
    folder, _ = recorded(20, 5)
    (folder / file_name("health")).write_bytes((folder / file_name("spikes")).read_bytes())
    with pa.OSFile(str(folder / file_name("events")), "wb") as sink:
        table = pa.table({"tick": [1, 2]})
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
    (folder / file_name("weights")).unlink()
    found = {damage.file: damage.what for damage in read(folder).damage}
    assert "its columns are other ones" in found["health.arrows"]
    assert found["events.arrows"] == "its check is damaged"
    assert found["weights.arrows"] == "is missing"


def test_damaged_texts_raise_a_clear_error(recorded):
    folder, _ = recorded(5, 5)
    (folder / "session.toml").write_bytes(b"protocol = \xff")
    with pytest.raises(JournalError, match=r"session\.toml: is damaged"):
        read(folder)
    (folder / "session.toml").write_text("protocol = ")
    with pytest.raises(JournalError, match=r"session\.toml: is damaged"):
        read(folder)
    assert verify(folder)[0].file == "session.toml"
    (folder / "session.toml").unlink()
    with pytest.raises(JournalError, match=r"session\.toml: cannot be read"):
        read(folder)


def test_only_what_was_asked_for_is_read(recorded):
    folder, made = recorded(20, 5)
    (folder / file_name("spikes")).unlink()
    found = read(folder, kinds=("frames", "events"))
    assert found.damage == []
    assert made.same(found, "frames", 20)
    assert made.same(found, "events", len(made.records["events"]))
    assert len(found.spikes) == len(found.health) == 0
    assert found.weight_rows.shape == (0, 5 * 2 + 4 + 5)
