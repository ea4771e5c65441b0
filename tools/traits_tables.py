"""Write the tables of traits into the page on plugins: `python tools/traits_tables.py`. A test holds the page to the classes."""

import re
from pathlib import Path

from bmi_app import traits

BAR = "\\|"  # within a cell
PAGE = Path(__file__).parents[1] / "docs" / "plugins.md"


def table(name: str) -> str:
    """Return the table of one class."""
    rows = [
        f"| `{field}` | {said.replace(chr(124), BAR)} |"
        for field, said in traits.described(getattr(traits, name)).items()
    ]
    return "\n".join(["| trait | meaning |", "|---|---|", *rows])


def renewed(page: str) -> str:
    """Return the page with every table as the classes have it."""
    return re.sub(
        r"(<!-- traits: (\w+) -->\n).*?(\n<!-- end of traits -->)",
        lambda found: f"{found[1]}\n{table(found[2])}\n{found[3]}",
        page,
        flags=re.DOTALL,
    )


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
