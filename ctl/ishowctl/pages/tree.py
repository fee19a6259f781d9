"""HTML and SVG as a tree: text is text, whatever is in it, because nothing here glues strings together. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from xml.etree.ElementTree import Element, tostring

Child = Element | str | None


def e(tag: str, *children: Child, **attributes: object) -> Element:
    """`e("td", "0.184", class_="right")`. Attributes that are None are left out; `_` in their names stands for `-`."""
    named = {key.rstrip("_").replace("_", "-"): str(value) for key, value in attributes.items() if value is not None}
    element = Element(tag, named)
    for child in children:
        if isinstance(child, Element):
            element.append(child)
        elif child and len(element):
            element[-1].tail = (element[-1].tail or "") + child
        elif child:
            element.text = (element.text or "") + child
    return element


def html(*elements: Element) -> str:
    return "\n".join(tostring(element, encoding="unicode", method="html") for element in elements)


def table(head: Sequence[str], rows: Iterable[Sequence[Child]], *, right: Sequence[int] = ()) -> Element:
    """In a box that scrolls sideways where the screen is narrow; the columns in ``right`` hold figures."""

    def row(tag: str, cells: Sequence[Child]) -> Element:
        return e("tr", *(e(tag, cell, class_="right" if i in right else None) for i, cell in enumerate(cells)))

    body = e("tbody", *(row("td", cells) for cells in rows))
    return e("div", e("table", e("thead", row("th", head)), body, class_="figures"), class_="wide", tabindex=0)


def facts(rows: Iterable[tuple[str, str]]) -> Element:
    """Names and values."""
    lines = [e("tr", e("th", name, scope="row"), e("td", value)) for name, value in rows]
    return e("div", e("table", e("tbody", *lines), class_="facts"), class_="wide")
