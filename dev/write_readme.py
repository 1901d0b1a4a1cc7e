"""Put the report of a finished quickstart into the README: `python dev/write_readme.py runs/quickstart`.

The page is kept as docs/runs/quickstart.md; a test holds the README to it.
"""

import re
import sys
from pathlib import Path

from handspun.files import write_bytes

ROOT = Path(__file__).parent.parent
README, PAGE = ROOT / "README.md", ROOT / "docs" / "runs" / "quickstart.md"
BLOCK = re.compile(r"(<!-- quickstart -->\n).*(<!-- /quickstart -->)", re.DOTALL)


def filled(readme: str, page: str) -> str:
    """The README with the page between its two marks."""
    return BLOCK.sub(lambda marks: f"{marks[1]}\n{page}\n{marks[2]}", readme)


def is_current() -> bool:
    """Whether the README shows the page as it is kept."""
    readme = README.read_text(encoding="utf-8")
    return filled(readme, PAGE.read_text(encoding="utf-8")) == readme


if __name__ == "__main__":
    page = (Path(sys.argv[1]) / "report.md").read_text(encoding="utf-8")
    write_bytes(PAGE, page.encode())
    write_bytes(README, filled(README.read_text(encoding="utf-8"), page).encode())
