"""The table of what the program says of a session names words that stand in the program, and tests that are there."""

import ast
import re
from collections.abc import Iterator

import pytest

from tests.support.places import DOCS, ROOT

ROWS = re.findall(
    r"^\| `([^`]+)` \| (\S+) \| (tests/\S+)::(test_\w+) \|$",
    (DOCS / "statements.md").read_text(),
    re.MULTILINE,
)
STATE_NOTHING = re.findall(
    r"^\| `([^`]+)` \| (\S+) \| (?!tests/)(\w[^|]+) \|$",
    (DOCS / "statements.md").read_text(),
    re.MULTILINE,
)
# Words that promise something of a session, or blame somebody. They are looked for in whole texts, not in names of one word.
PROMISING = re.compile(
    r"\b(intact|(bit-)?exact|exactly|complete|late|dropped|lost|whole|verified|identical|safe|missed|recovered|exported"
    r"|every bit|success|no spike|not one spike|nothing of)\b",
    re.IGNORECASE,
)
# Measurements and kernels say nothing of a session; plugins describe their settings.
SILENT = ("bench", "rt", "learning", "outputs", "subject", "decoders")


# What documents assert strongly. Headings and code in fences assert nothing.
STRONG = re.compile(
    r"\b(never|always|every bit|last bit|bit[- ](by|for)[- ]bit|(bit-)?exact|exactly|nothing|intact|complete|guaranteed|lost|dropped|late|missed"
    r"|whole|recovered|survives)\b",
    re.IGNORECASE,
)
DOCUMENTS = (
    "README.md",
    "docs/index.md",
    "docs/plugins.md",
    "docs/realtime.md",
    *(
        str(page.relative_to(ROOT))
        for room in ("tutorial", "howto", "reference")
        for page in sorted((ROOT / "docs" / room).glob("*.md"))
    ),
)


def said_in(file: str) -> str:
    """Return the text of a file; of a document in one line, because its lines break anywhere."""
    text = (ROOT / file).read_text(encoding="utf-8")
    return " ".join(text.split()) if file.endswith(".md") else text


def sentences(text: str) -> Iterator[str]:
    """Yield the sentences, items of lists and rows of tables of a document."""
    without_code = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    for block in re.split(r"\n\s*\n|\n(?=\s*(?:[-|#]|\d+\. )|    )", without_code):
        one_line = " ".join(block.split())
        if not one_line.startswith("#"):
            yield from re.split(r"(?<=[.:;!?])\s+(?=[A-Z*`\[(])", one_line)


def promising_texts() -> Iterator[tuple[str, str]]:
    """Yield the file and the text of all that the program may say with a promising word."""
    for path in sorted((ROOT / "bmi_app").rglob("*.py")):
        file = path.relative_to(ROOT)
        if file.parts[1] in SILENT:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
        docstrings = {
            node.body[0].value
            for node in ast.walk(tree)
            if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
        }
        for node in ast.walk(tree):
            is_text = isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in docstrings
            if is_text and " " in node.value.strip() and PROMISING.search(node.value):
                yield str(file), node.value


def test_every_row_is_read() -> None:
    lines = [line for line in (DOCS / "statements.md").read_text().splitlines() if line.startswith("| `")]
    assert len(ROWS) + len(STATE_NOTHING) == len(lines)
    assert len(ROWS) >= 170


def test_every_promising_text_is_listed() -> None:
    """Whoever writes such a word says in the table in which test it is false, or what else it is."""
    listed = [(words, file) for words, file, *_ in (*ROWS, *STATE_NOTHING)]
    unlisted = [
        f"{file}: {text!r}"
        for file, text in promising_texts()
        if not any(file == where and (words in text or text in words) for words, where in listed)
    ]
    assert not unlisted, "add these to docs/statements.md:\n" + "\n".join(unlisted)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_strong_sentence_of_a_document_is_listed(document: str) -> None:
    """Whoever promises in a document says in the table in which test it is false, or where its limit is."""
    listed = [words for words, file, *_ in (*ROWS, *STATE_NOTHING) if file == document]
    strong = [
        sentence for sentence in sentences((ROOT / document).read_text(encoding="utf-8")) if STRONG.search(sentence)
    ]
    unlisted = [sentence for sentence in strong if not any(words in sentence for words in listed)]
    assert not unlisted, f"add these of {document} to docs/statements.md:\n" + "\n".join(unlisted)


def test_documents_say_something_strong() -> None:
    texts = [(ROOT / document).read_text(encoding="utf-8") for document in DOCUMENTS]
    assert sum(bool(STRONG.search(sentence)) for text in texts for sentence in sentences(text)) >= 40


def test_sentences_are_found_wherever_they_stand() -> None:
    text = "# Never a heading\n\nIt is\nnever late. And\nthen:\n\n- nothing;\n- all\n\n    code # always\n```\nnever\n```\n| a | lost |\n"
    assert list(sentences(text)) == [
        "It is never late.",
        "And then:",
        "- nothing;",
        "- all",
        "code # always",
        "| a | lost |",
    ]


@pytest.mark.parametrize(("words", "file", "what"), STATE_NOTHING)
def test_what_states_nothing_is_still_said(words: str, file: str, what: str) -> None:
    assert words in said_in(file), what


@pytest.mark.parametrize(("words", "file", "test_file", "test"), ROWS, ids=[row[0] for row in ROWS])
def test_words_and_test_are_there(words: str, file: str, test_file: str, test: str) -> None:
    assert words in said_in(file)
    assert f"def {test}(" in (ROOT / test_file).read_text(encoding="utf-8")
