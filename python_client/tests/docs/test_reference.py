"""The generated parts of docs/ say what the code says now, and no link leads nowhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tools.reference.__main__ import BEGIN, DOCS, END, PAGES, with_reference

MARKDOWN = sorted(DOCS.glob("*.md"))
LINK = re.compile(r"\]\(([^)\s]+)\)")
ANCHOR = re.compile(r'<a id="([\w-]+)">')
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_up_to_date(name: str) -> None:
    page = (DOCS / name).read_text(encoding="utf-8")
    assert with_reference(page, PAGES[name]()) == page, "run `make docs`"


def test_only_the_generated_part_is_replaced() -> None:
    page = f"mine\n\n{BEGIN}\n\nold\n\n{END}\n\nmine too\n"
    assert with_reference(page, "new") == f"mine\n\n{BEGIN}\n\nnew\n\n{END}\n\nmine too\n"
    with pytest.raises(SystemExit):
        with_reference("no marks", "new")


def anchors_of(page: Path) -> set[str]:
    text = page.read_text(encoding="utf-8")
    headings = {
        re.sub(r"[^\w -]", "", h).strip().lower().replace(" ", "-") for h in HEADING.findall(text)
    }
    return headings | set(ANCHOR.findall(text))


@pytest.mark.parametrize("page", MARKDOWN, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), link
        assert not anchor or anchor in anchors_of(target), link


def test_the_index_names_every_page() -> None:
    index = (DOCS / "README.md").read_text(encoding="utf-8")
    for page in MARKDOWN:
        assert page.name == "README.md" or f"({page.name})" in index
