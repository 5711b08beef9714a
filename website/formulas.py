"""Formulas: what a page writes in TeX becomes MathML, which browsers draw without a script.

In comes the HTML of a page, in which Markdown's extension arithmatex has marked the formulas; out
goes the same with a `math` element for each.
"""

import html
import re

from latex2mathml.converter import convert

MARKED = re.compile(r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</\1>', re.DOTALL)


def drawn(page: str) -> str:
    r"""Return `page` with MathML in place of each marked formula.

    >>> drawn('<span class="arithmatex">\\(x\\)</span>')[:20]
    '<math xmlns="http://'
    """
    return MARKED.sub(_math, page)


def _math(match: re.Match) -> str:
    tag, bracket, tex = match.groups()
    display = "block" if bracket == "[" else "inline"
    math = convert(html.unescape(tex).strip(), display=display)
    return math if tag == "span" else f'<div class="formula">{math}</div>'
