"""Write docs/reference from the program itself: every key of a recipe, and every verb. `make docs` runs this.

With --check nothing is written; it fails where a page is stale.
"""

import sys
from pathlib import Path

from handspun.cli.app import build_app
from handspun.files import write_bytes
from handspun.recipe import Recipe
from handspun.reference import documented_fields

REFERENCE = Path(__file__).parent.parent / "docs" / "reference"
GENERATED = "<!-- written by `make docs` from the program; change it there -->\n"


def keys_page() -> str:
    """Every key of a recipe as a table, one per room."""
    lines, room = [GENERATED, "# Every key of a recipe", ""], None
    for field in documented_fields(Recipe):
        table = field.key.rpartition(".")[0]
        if table != room:
            room = table
            lines += [
                "",
                f"## [{table}]" if table else "## At the top",
                "",
                "| key | type | default | meaning |",
                "|---|---|---|---|",
            ]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in (f"`{field.key}`", *field[1:])) + " |")
    return "\n".join(lines) + "\n"


def verbs_page() -> str:
    """Every verb with its arguments, as cyclopts tells it."""
    return f"{GENERATED}\n{build_app().generate_docs(output_format='markdown').rstrip()}\n"


def pages() -> dict[Path, str]:
    """The generated pages and where they belong."""
    return {REFERENCE / "keys.md": keys_page(), REFERENCE / "verbs.md": verbs_page()}


def stale_pages() -> dict[Path, str]:
    """The pages that do not say what the program says now."""
    return {path: text for path, text in pages().items() if not path.is_file() or path.read_text(encoding="utf-8") != text}


if __name__ == "__main__":
    stale = stale_pages()
    if sys.argv[1:] == ["--check"]:
        sys.exit(f"stale: {', '.join(path.name for path in stale)}; run `make docs`" if stale else 0)
    for path, text in stale.items():
        write_bytes(path, text.encode())
