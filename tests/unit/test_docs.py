"""The docs say what the code does."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_generated_pages_are_fresh() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "generate-docs", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_every_link_in_the_docs_leads_to_a_file() -> None:
    import re

    for page in [ROOT / "README.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("config/**/*.md")]:
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
            if not target.startswith(("http://", "https://", "mailto:")):
                assert (page.parent / target).exists(), f"{page}: {target}"


def test_every_dependency_has_a_line_of_reason() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = set(project["dependencies"]).union(*project["optional-dependencies"].values())
    page = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    for requirement in wanted:
        name = re.split(r"[>\[]", requirement)[0]
        assert f"| {name} |" in page, name


def test_lock_files_name_no_index_and_pin_every_hash() -> None:
    for lock in (ROOT / "scripts" / "lock").glob("*.txt"):
        text = lock.read_text(encoding="utf-8")
        assert "://" not in text
        assert "index" not in text
        for line in text.splitlines():
            if line and not line.startswith((" ", "#")):
                assert "==" in line
                assert line.endswith("\\"), line
