"""Wrap the lines of Markdown files at 100 characters: `python tools/wrap_markdown.py FILE ...`.

Headings, tables, fenced and indented code, comments and pictures stay as they are. Code and links within a sentence
are not broken. Lists and tables get the blank line before them that the documentation site needs.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

WIDTH = 100
FENCE = re.compile(r"\s*(```|~~~)")
ITEM = re.compile(r"(\s*)([-*+]|\d+[.)])\s+")
ADMONITION = re.compile(r"\s*(!!!|\?\?\?\+?|===) ")
KEPT = re.compile(r"\s*(#{1,6} |\||<|!\[|:::|>|\[[^\]]+\]: )|---$")
# Words that would begin a list, a heading or a quotation if they came to stand at the beginning of a line.
BEGINS_SOMETHING = re.compile(r"([-*+>]|#+|\d+[.)]|\|.*|:::)$")
# What is not broken: code, links, pictures, and everything without a space.
UNBROKEN = re.compile(r"(?:`+[^`]*`+|!?\[[^\]]*\]\([^)]*\)|\S)+")


def filled(text: str, first: str, rest: str) -> list[str]:
    """Return the words of `text` in lines, the first after `first`, the others after `rest`."""
    words: list[str] = []
    for found in UNBROKEN.finditer(" ".join(text.split())):
        if words and BEGINS_SOMETHING.match(found[0]):
            words[-1] += " " + found[0]
        else:
            words.append(found[0])
    lines, line, begun = [], first, False
    for word in words:
        if begun and len(line) + 1 + len(word) > WIDTH:
            lines.append(line)
            line, begun = rest, False
        line += (" " if begun else "") + word
        begun = True
    return [*lines, line]


def is_kept(line: str) -> bool:
    return bool(KEPT.match(line) or ADMONITION.match(line))


def wrapped(text: str) -> str:
    """Return a Markdown text with its paragraphs and items wrapped."""
    lines = text.split("\n")
    out: list[str] = []
    at, in_list, is_code = 0, False, False
    content = 0  # where the text of the present item begins
    while at < len(lines):
        line = lines[at]
        if FENCE.match(line):
            end = next((i for i in range(at + 1, len(lines)) if FENCE.match(lines[i])), len(lines) - 1)
            out += lines[at : end + 1]
            at = end + 1
            continue
        if line.startswith("<!--"):
            end = next(i for i in range(at, len(lines)) if "-->" in lines[i])
            out += lines[at : end + 1]
            at = end + 1
            continue
        item = ITEM.match(line)
        indent = len(line) - len(line.lstrip())
        if not line.strip():
            out.append("")
            at += 1
            continue
        # Code within an item stands four columns behind its text, after a blank line.
        follows = is_code or not out or not out[-1].strip()
        is_code = indent >= content + 4 and not item and follows if in_list else indent >= 4
        if is_kept(line) or is_code:
            if line.startswith("|") and out and out[-1].strip() and not out[-1].startswith("|"):
                out.append("")
            out.append(line.rstrip())
            in_list = in_list and indent > 0
            at += 1
        else:
            first, rest = (item[0], " " * len(item[0])) if item else (" " * indent, " " * indent)
            if item and not in_list and out and out[-1].strip():
                out.append("")
            in_list = bool(item) or (in_list and indent > 0)
            content = len(item[0]) if item else content
            end = at + 1
            while end < len(lines) and continues(lines[end]):
                end += 1
            words = " ".join([line[len(first) :], *lines[at + 1 : end]])
            out += filled(words, first, rest)
            at = end
    return "\n".join(out)


def continues(line: str) -> bool:
    return bool(line.strip()) and not (is_kept(line) or ITEM.match(line) or FENCE.match(line))


def too_long(text: str) -> Iterator[tuple[int, str]]:
    """Yield number and text of each line that is too long although somebody could break it.

    Tables, links, pictures, comments, headings and what a bench wrote between its markers cannot be broken.
    """
    measured = False
    for number, line in enumerate(text.split("\n"), 1):
        if line.startswith(("<!-- table:", "<!-- end")):
            measured = line.startswith("<!-- table:")
        elif len(line) > WIDTH and not measured and not line.lstrip().startswith(("|", "[", "![", "<!--", "#")):
            words = UNBROKEN.findall(ITEM.sub("", line) if ITEM.match(line) else line)
            if len(words) > 1:
                yield number, line


if __name__ == "__main__":
    for name in sys.argv[1:]:
        path = Path(name)
        before = path.read_text(encoding="utf-8")
        after = wrapped(before)
        if after != before:
            path.write_text(after, encoding="utf-8")
            print(f"wrapped {name}")
