from protocols.reference import generate
from protocols.schema import Protocol
from tests.support.places import DOCS

COMMITTED = DOCS / "protocol_reference.md"


def test_the_committed_reference_is_current():
    assert COMMITTED.read_text(encoding="utf-8") == generate(), (
        f"run: python -m protocols.reference {COMMITTED.relative_to(COMMITTED.parents[1])}"
    )


def test_every_key_is_explained_and_says_what_it_allows():
    for line in generate().splitlines():
        if line.startswith("| `"):
            key, allowed, _, default, meaning = (cell.strip() for cell in line.strip("| ").split(" | "))
            assert allowed, key
            assert default, key
            assert meaning.endswith("."), key


def test_every_table_of_the_schema_has_a_heading():
    text = generate()
    for name in set(Protocol.model_fields) - {
        "format",
        "model_version",
        "name",
        "title",
        "description",
        "populations",
        "axes",
    }:
        assert f"## `[{name}]`" in text or f"## `[[{name}]]`" in text
