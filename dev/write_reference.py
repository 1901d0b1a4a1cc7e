"""Write docs/reference from the program itself: every key of a recipe, and every verb. `make docs` runs this.

The table of shipped recipes in docs/concepts/recipe.md is written anew as well, from the recipes and their headers.

With --check nothing is written; it fails where a page is stale.
"""

import re
import sys
from pathlib import Path

from handspun.cli.program import build_app
from handspun.files import write_bytes
from handspun.model.cost import parameters
from handspun.recipe import Recipe, find_recipe, load_recipe, shipped_recipes
from handspun.reference import documented_fields

DOCS = Path(__file__).parent.parent / "docs"
REFERENCE, RECIPE_PAGE = DOCS / "reference", DOCS / "concepts" / "recipe.md"
GENERATED = "<!-- written by `make docs` from the program; change it there -->\n"
TABLE = re.compile(r"(?<=<!-- recipes: written by `make docs` -->\n).*?(?=<!-- end of recipes -->)", re.DOTALL)
HEADER = re.compile(r"^# (hardware|time|result): (.+)$", re.MULTILINE)


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


def recipe_page() -> str:
    """The page on recipes with the table of those that are shipped, from the smallest to the largest."""
    table = ["| recipe | parameters | tokens | hardware | time | result |", "|---|---|---|---|---|---|"]
    recipes = [load_recipe(name) for name in shipped_recipes()]
    sizes = {recipe.name: sum(parameters(recipe.model, recipe.tokens.vocab_size).values()) for recipe in recipes}
    for recipe in sorted(recipes, key=lambda recipe: (sizes[recipe.name], recipe.name)):
        header = dict(HEADER.findall(find_recipe(recipe.name).read_text(encoding="utf-8")))
        facts = (
            amount(sizes[recipe.name]),
            amount(recipe.train.train_tokens),
            *(header[key] for key in ("hardware", "time", "result")),
        )
        table.append(f"| `{recipe.name}` | {' | '.join(facts)} |")
    return TABLE.sub(lambda _: "\n".join(table) + "\n", RECIPE_PAGE.read_text(encoding="utf-8"))


def amount(n: int) -> str:
    """A number as people say it: 1.01B, 124M, 2.19M."""
    for unit, size in (("B", 10**9), ("M", 10**6)):
        if n >= size:
            return f"{n / size:.3g}{unit}"
    return str(n)


def pages() -> dict[Path, str]:
    """The generated pages and where they belong."""
    return {REFERENCE / "keys.md": keys_page(), REFERENCE / "verbs.md": verbs_page(), RECIPE_PAGE: recipe_page()}


def stale_pages() -> dict[Path, str]:
    """The pages that do not say what the program says now."""
    return {path: text for path, text in pages().items() if not path.is_file() or path.read_text(encoding="utf-8") != text}


if __name__ == "__main__":
    stale = stale_pages()
    if sys.argv[1:] == ["--check"]:
        sys.exit(f"stale: {', '.join(path.name for path in stale)}; run `make docs`" if stale else 0)
    for path, text in stale.items():
        write_bytes(path, text.encode())
