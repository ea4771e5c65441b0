"""Every command in the documents, and in what the program says, is one that the program has: its own parser takes it.

Nothing is run. Blocks of code and benches' lines are parsed whole; a command in a sentence may leave its arguments out.
"""

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from bmi_app.cli.app import app
from protocols.load import catalogue, load
from protocols.problems import ProtocolError

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
BMI = typer.main.get_command(app)
SHIPPED = {name for name, *_ in catalogue()}
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
# What begins a command of the program, in any way in which the documents write it.
BEGINS = re.compile(r"^(?:\S*/)?bmi(?= |$)")


class WrongCommandError(Exception):
    """A command that the program would not take, and why."""


def blocks(text: str) -> Iterator[str]:
    """Yield the command lines of a page: those of fenced shell blocks and those that benches wrote."""
    for block in re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        for line in block.replace("\\\n", " ").split("\n"):
            if line.strip() and not line.lstrip().startswith("#"):
                yield line.strip()
    yield from re.findall(r"^    (bmi .+)$", text, re.MULTILINE)


def inline(text: str) -> Iterator[str]:
    """Yield the commands of the program within sentences, one for each alternative of `bmi bench science a | b`."""
    without_blocks = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    for span in re.findall(r"`([^`]+)`", " ".join(without_blocks.split())):
        if BEGINS.match(span):
            first, *others = span.split(" | ")
            yield first
            yield from (f"{first.rpartition(' ')[0]} {other}" for other in others)


def split(line: str) -> list[str]:
    """Return the words of one command, without brackets around what may be left out and without what follows a pipe."""
    words = shlex.split(re.sub(r"\[(-[^]]*)\]", r"\1", line), comments=True)
    for at, word in enumerate(words):
        if word in ("|", "&&", "&", ">", ";"):
            return words[:at]
    return words


def resolve(words: list[str]) -> tuple[Any, list[str], Any]:
    """Return the command that is named, the words that are left for it, and the context above it."""
    command, context = BMI, None
    rest, name = words, "bmi"
    while getattr(command, "commands", None) and rest and rest[0] != "--help":
        if rest[0] not in command.commands:
            if rest[0].startswith("-"):
                break
            raise WrongCommandError(f"`{name}` has no command `{rest[0]}`; it has {', '.join(command.commands)}")
        context = typer.Context(command, info_name=name, parent=context)
        name, *rest = rest
        command = command.commands[name]
    return command, rest, context


def check_whole(words: list[str]) -> None:
    """Raise `WrongCommandError` unless the program's parser takes the words after `bmi`."""
    command, rest, context = resolve(words)
    if getattr(command, "commands", None):
        raise WrongCommandError("a group of commands needs one of them")
    try:
        parsed = command.make_context("bmi", list(rest), parent=context)
    except SystemExit:  # --help and --version
        return
    except Exception as error:
        raise WrongCommandError(str(getattr(error, "message", "") or error)) from error
    protocol = parsed.params.get("protocol") or (parsed.params.get("name") if "protocols" in words[:1] else None)
    if isinstance(protocol, str) and not protocol.endswith(".toml") and not protocol.isupper():
        if protocol not in SHIPPED:
            raise WrongCommandError(f"no protocol `{protocol}` is shipped")
        overrides = [one for one in parsed.params.get("overrides") or () if not re.search(r"\$|\.\.\.|leaky", one)]
        try:
            load(protocol, overrides)
        except ProtocolError as error:
            raise WrongCommandError("; ".join(map(str, error.problems))) from error


def check_mention(words: list[str]) -> None:
    """Raise `WrongCommandError` unless there is such a command with such options; what they need may be left out."""
    command, rest, _ = resolve(words)
    known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    for word in rest:
        if word.startswith("--") and word.partition("=")[0] not in {*known, "--help"}:
            raise WrongCommandError(f"it has no option `{word}`; it has {', '.join(sorted(known))}")


def check_line(line: str) -> None:
    """Raise `WrongCommandError` for a line of a block that names a command, a target of make or a file which is not there."""
    words = split(line)
    while words and re.fullmatch(r"[A-Z_]+=\S*|sudo", words[0]):
        words = words[1:]
    if not words:
        return
    if BEGINS.match(words[0]):
        check_whole(words[1:])
    elif words[0] == "make":
        for word in words[1:]:
            if "=" not in word and not word.startswith("-") and word not in TARGETS:
                raise WrongCommandError(f"the Makefile has no target `{word}`")
    elif re.fullmatch(r"(.*/)?python3?", words[0]) and words[1].endswith(".py") and not (ROOT / words[1]).exists():
        raise WrongCommandError(f"there is no {words[1]}")


def mistakes(check: Any, lines: Iterator[str]) -> list[str]:
    found = []
    for line in lines:
        try:
            check(line)
        except WrongCommandError as wrong:
            found.append(f"{line}: {wrong}")
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_program_takes_every_command_of_a_page(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert not mistakes(check_line, blocks(text))
    assert not mistakes(lambda line: check_mention(split(line)[1:]), inline(text))


@pytest.mark.parametrize("path", sorted((ROOT / "protocols").glob("*.toml")), ids=lambda path: path.stem)
def test_the_program_takes_every_command_in_the_comments_of_a_protocol(path: Path) -> None:
    lines = re.findall(r"^#.*?(\bbmi [a-z].*?)(?:`.*)?$", path.read_text(encoding="utf-8"), re.MULTILINE)
    assert not mistakes(check_line, iter(lines))


def said_commands(path: Path) -> Iterator[str]:
    """Yield the commands in the texts of a file of the program; what is filled in stands as X."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.JoinedStr):
            text = "".join(str(part.value) if isinstance(part, ast.Constant) else "X" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
        else:
            continue
        yield from inline(text)
        yield from re.findall(r"(?:^|: )(bmi [a-z]+ [-a-zX ]+)$", text)


def test_the_program_names_only_commands_that_it_has() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {mistake}"
        for folder in ("bmi_app", "drivers", "protocols")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for mistake in mistakes(lambda line: check_mention(split(line)[1:]), said_commands(path))
    ]
    assert not found


def test_commands_are_found_wherever_they_stand() -> None:
    page = """Say `bmi run
PROTOCOL` or `bmi bench science learners | movement`, not `bmi_app`.

```sh
# a comment: bmi nothing
bmi run center_out \\
    --duration 60   # a minute
.venv/bin/bmi sessions list | head
```

    bmi bench closed-loop --seeds 2
"""
    assert [" ".join(split(line)) for line in blocks(page)] == [
        "bmi run center_out --duration 60",
        ".venv/bin/bmi sessions list",
        "bmi bench closed-loop --seeds 2",
    ]
    assert list(inline(page)) == ["bmi run PROTOCOL", "bmi bench science learners", "bmi bench science movement"]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("bmi check mine.toml", "`bmi` has no command `check`"),  # stood in docs/plugins.md
        (".venv/bin/bmi sessions lst", "`sessions` has no command `lst`"),
        ("bmi sessions", "needs one of them"),
        ("bmi run center_out --lenght 60", "--lenght"),
        ("bmi run center_out --duration long", "long"),
        ("bmi run", "protocol"),
        ("bmi run centre_out", "no protocol `centre_out`"),
        ("bmi run center_out --set task.hold=5", "hold"),
        ("make tests", "no target `tests`"),
        ("python tools/no_such_file.py", "there is no tools/no_such_file.py"),
    ],
)
def test_a_command_that_is_not_there_is_told(line: str, why: str) -> None:
    assert len(mistakes(check_line, iter([line]))) == 1
    assert why.lower() in mistakes(check_line, iter([line]))[0].lower()


@pytest.mark.parametrize("span", ["bmi check FILE", "bmi gui --detach", "bmi sessions lost"])
def test_a_mention_of_what_is_not_there_is_told(span: str) -> None:
    assert mistakes(lambda line: check_mention(split(line)[1:]), iter([span]))
