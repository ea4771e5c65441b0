"""What is said of each LSL stream: which would be taken, why another is not, and how to choose one of several."""

import pylsl
import pytest

from bmi_app.session.streams import Stream, judge
from drivers.lsl_match import KEYS
from protocols.load import load


def stream(name: str, source_id: str = "", type_: str = "SpikeEvents", channels: int = 2) -> pylsl.StreamInfo:
    info = pylsl.StreamInfo(name, type_, channels, 0, pylsl.cf_int32, source_id)
    assert info.source_id() == source_id
    return info


def judged(*found: pylsl.StreamInfo, overrides: tuple[str, ...] = ()) -> tuple[list[Stream], list[str]]:
    return judge(load("center_out", ["driver.kind=lsl", *overrides]), found)


def test_streams_with_source_ids_are_told_apart_by_them() -> None:
    streams, (obstacle,) = judged(stream("Plexon", "a"), stream("Plexon", "b"))
    assert [found.choice for found in streams] == [("source_id", "a"), ("source_id", "b")]
    assert all("double click takes this one, by driver.source_id" in found.reason for found in streams)
    assert obstacle.startswith("2 LSL streams match")


def test_a_stream_without_one_is_chosen_by_its_name_or_host(monkeypatch: pytest.MonkeyPatch) -> None:
    streams, _ = judged(stream("Plexon"), stream("Blackrock"))
    assert [found.choice for found in streams] == [("stream", "Plexon"), ("stream", "Blackrock")]
    hosts = {id(one := stream("Plexon")): "rig 1", id(other := stream("Plexon")): "rig 2"}
    monkeypatch.setitem(KEYS, "host", lambda found: hosts[id(found)])
    streams, _ = judged(one, other)
    assert [found.choice for found in streams] == [("host", "rig 1"), ("host", "rig 2")]


def test_streams_that_nothing_tells_apart_say_so_and_how_to_remedy_it() -> None:
    streams, (obstacle,) = judged(stream("Plexon"), stream("Plexon"))
    for found in streams:
        assert (found.fits, found.choice) == (False, None)
        assert "cannot be told apart, since it has no source_id" in found.reason
        assert "let its sender give it a source_id of its own, or stop the others" in found.reason
    assert "2 LSL streams match" in obstacle
    twins, _ = judged(stream("Plexon", "same"), stream("Plexon", "same"))
    assert all("its source_id is another stream's as well" in found.reason for found in twins)


def test_the_only_one_without_a_source_id_is_taken_with_a_warning() -> None:
    (found,), obstacles = judged(stream("Plexon"))
    assert found.fits
    assert "found again only while no other stream matches" in found.reason
    assert obstacles == []
    (found,), _ = judged(stream("Plexon", "a"))
    assert found.reason == "the source of this session"


def test_one_that_nobody_sends_is_listed_as_missing() -> None:
    (missing, gaze), (obstacle,) = judged(stream("Eye", "e", type_="Gaze"))
    assert (missing.type, missing.name, missing.fits, missing.is_there) == ("SpikeEvents", "none found", False, False)
    assert gaze.is_there
    assert obstacle.startswith("no LSL stream with type 'SpikeEvents'")
    assert "`bmi rig center_out`" in obstacle
    (named,), _ = judged(overrides=("driver.stream=Plexon",))
    assert (named.name, named.type, named.fits) == ("Plexon", "", False)


@pytest.mark.parametrize("chosen", [0, 1])
def test_the_choice_makes_it_the_source(chosen: int) -> None:
    both = (stream("Plexon", "a"), stream("Plexon", "b"))
    key, value = judged(*both)[0][chosen].choice or ("", "")
    streams, obstacles = judged(*both, overrides=(f'driver.{key}="{value}"',))
    assert obstacles == []
    assert [found.fits for found in streams].count(True) == 1
    assert streams[chosen].fits
