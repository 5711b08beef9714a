"""Docstrings as the reference shows them: examples as code, lists as lists.

Loaded by griffe, which reads the package for mkdocstrings (`extensions` in mkdocs.yml).
"""

import re
from typing import Any

import griffe

from website.markdown import spaced

EXAMPLE = re.compile(r"^( *)(>>> .*(?:\n(?!\s*$).*)*)", re.MULTILINE)


def readable(text: str) -> str:
    """Return a docstring's `text` as Markdown in which each example is a block of code.

    >>> readable("Add.\\n\\n>>> 1 + 1\\n2").split("\\n")[2:]
    ['```pycon', '>>> 1 + 1', '2', '```']
    """
    return spaced(EXAMPLE.sub(lambda m: f"{m[1]}```pycon\n{m[0]}\n{m[1]}```", text))


class Readable(griffe.Extension):
    """Changes the docstring of every object that griffe reads."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Write the docstring of `obj` anew."""
        if obj.docstring:
            obj.docstring.value = readable(obj.docstring.value)
