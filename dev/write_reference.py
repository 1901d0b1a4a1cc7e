"""Write docs/reference from the program itself: every key of a recipe, and every verb. `make docs` runs this."""

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


if __name__ == "__main__":
    for path, text in pages().items():
        write_bytes(path, text.encode())
        sys.stderr.write(f"wrote {path}\n")
