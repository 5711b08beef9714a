"""Formulas: what a page writes in TeX becomes MathML, which browsers draw without a script.

In comes the HTML of a page, in which Markdown's extension arithmatex has marked the formulas; out
goes the same with a `math` element for each.
"""

import html
import re
from xml.etree import ElementTree

from latex2mathml.converter import convert_to_element

MARKED = re.compile(r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</\1>', re.DOTALL)
BELOW = ("max", "min", "argmax")  # operators whose condition stands below them
SPACED = ("log", "exp")  # functions that a thin space keeps apart from what they are applied to
NAMESPACE = "http://www.w3.org/1998/Math/MathML"


def drawn(page: str) -> str:
    r"""Return `page` with MathML in place of each marked formula.

    >>> drawn('<span class="arithmatex">\\(x\\)</span>')[:20]
    '<math xmlns="http://'
    """
    return MARKED.sub(_marked, page)


def _marked(match: re.Match) -> str:
    tag, bracket, tex = match.groups()
    math = mathml(html.unescape(tex).strip(), display=bracket == "[")
    return math if tag == "span" else f'<div class="formula">{math}</div>'


def mathml(tex: str, *, display: bool) -> str:
    """Return a formula in `tex` as a `math` element; `display` is for one on a line of its own."""
    root = convert_to_element(tex, display="block" if display else "inline")
    for element in list(root.iter()):
        element.text = html.unescape(element.text) if element.text else None
        first = element[0] if len(element) else None
        if display and element.tag == "msub" and first is not None and first.text in BELOW:
            element.tag = "munder"
        for place, part in reversed(list(enumerate(element))):
            if part.text in SPACED and place + 1 < len(element) and element[place + 1].text != "(":
                space = ElementTree.Element("mspace", width="0.17em")
                element.insert(place + 1, space)
    return ElementTree.tostring(root, encoding="unicode")
