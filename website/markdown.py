"""Markdown as repositories show it (CommonMark), written so that Python-Markdown reads it alike.

A list or a table may follow a paragraph without an empty line, and what belongs to a point of a
list is indented by two spaces. Python-Markdown wants an empty line and four spaces.
"""

import re

FENCE = re.compile(r"^\s*(```+|~~~+)")
POINT = re.compile(r"^( *)([*+-]|\d+\.) +(?=\S)")


def spaced(text: str) -> str:
    """Return `text` with the empty lines and the indents that Python-Markdown needs.

    >>> spaced("Two points:\\n* one\\n  goes on\\n* two")
    'Two points:\\n\\n* one\\n    goes on\\n* two'
    """
    lines: list[str] = []
    fence, paragraph, in_list = "", False, False
    for line in text.split("\n"):
        mark = FENCE.match(line)
        if fence or mark:
            if mark:
                fence = "" if fence else mark[1]
            lines.append(_deeper(line) if in_list and line.startswith("  ") else line)
            paragraph = False
            continue
        point = POINT.match(line)
        if not line.strip():
            paragraph = False
        elif point and (in_list or not point[1]):
            if paragraph and not in_list:
                lines.append("")
            in_list = True
        elif in_list and not line.startswith("  ") and not paragraph:
            in_list = False
        elif line.startswith("|") and paragraph and not lines[-1].startswith("|"):
            lines.append("")
        lines.append(_deeper(line) if in_list and line.startswith("  ") else line)
        paragraph = bool(line.strip()) and not line.startswith("#")
    return "\n".join(lines)


def _deeper(line: str) -> str:
    """Indent what belongs to a point by four spaces for each two or three that it has."""
    indent = len(line) - len(line.lstrip(" "))
    levels = indent // 2 if indent < 4 else indent // 4
    return f"{'    ' * levels}{' ' * (indent % 2 if indent < 4 else indent % 4)}{line.lstrip(' ')}"
