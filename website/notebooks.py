"""A notebook becomes a page: its text, its code, and still pictures of what its cells show.

In come the notebook as students get it and, if there is one, an execution of it with answers. Out
come Markdown with a mark for each output, and the HTML that takes the place of each mark: answers
and verdicts are left out, and panels are shown as the pictures that they leave in a saved notebook.
Figures of plotly are drawn by plotly, which lies on the site itself.
"""

import base64
import json
import re
from collections.abc import Iterable, Iterator
from html import escape

import numpy as np

from o2u_nb.course.editions import PREFIX

VERDICT = '<div role="status"'
SCRIPT = re.compile(r"<script\b.*?</script>", re.DOTALL | re.IGNORECASE)
NEARBY = re.compile(r"""<a\s[^>]*href=["'](?![a-z]+:|//|#)[^>]*>(.*?)</a>""", re.DOTALL)
ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
MARK = re.compile(r'<div data-output="(\d+)"></div>')
YOURS = '!!! question "Your answer"\n    Run the notebook to write it, and to have it checked.\n'
NOT_RUN = (
    '!!! note "Without outputs"\n'
    "    This site was built without running the notebooks. `make docs` runs them.\n"
)


def page(notebook: dict, executed: dict | None, folder: str) -> tuple[str, list[str]]:
    """Return the Markdown of a `notebook`, and the HTML of its outputs in order.

    `executed` is the same notebook with answers and outputs; `folder` is what paths in outputs are
    shortened by.
    """
    outputs = _outputs(executed) if executed else {}
    blocks, shown = [], []
    for number, cell in enumerate(notebook["cells"]):
        text = "".join(cell["source"]).strip()
        if cell["cell_type"] == "markdown":
            blocks.append(text)
            continue
        if text:
            blocks.append(f"```python\n{text}\n```")
        if cell["id"].startswith(PREFIX):
            blocks.append(YOURS)
            continue
        for html in _drawn(outputs.get(cell["id"], ())):
            blocks.append(f'<div data-output="{len(shown)}"></div>')
            shown.append(html.replace(folder, "..."))
        if number == 0 and not text:
            continue
    if executed is None:
        title, _, rest = blocks[0].partition("\n")
        blocks[0] = f"{title}\n\n{NOT_RUN}\n{rest}"
    return "\n\n".join(blocks), shown


def with_outputs(html: str, shown: list[str]) -> str:
    """Put the outputs in the places of their marks."""
    return MARK.sub(lambda mark: f'<div class="output">{shown[int(mark[1])]}</div>', html)


def _outputs(notebook: dict) -> dict[str, list[dict]]:
    return {cell["id"]: cell.get("outputs", []) for cell in notebook["cells"]}


def _drawn(outputs: Iterable[dict]) -> Iterator[str]:
    """Yield the HTML of the outputs of a cell; what a cell prints piece by piece is one text."""
    printed = ""
    for output in outputs:
        if output["output_type"] == "stream":
            printed += "".join(output["text"]) if output["name"] == "stdout" else ""
            continue
        html = _html(output.get("data", {}))
        if html and printed:
            yield _text(printed)
            printed = ""
        if html:
            yield html
    if printed:
        yield _text(printed)


def _html(data: dict) -> str:
    """Return the best still form of an output, or nothing where only a kernel can show it."""
    if "application/vnd.plotly.v1+json" in data:
        return _figure(data["application/vnd.plotly.v1+json"])
    if "text/html" in data:
        html = "".join(data["text/html"])
        # a link to a file beside the notebook leads nowhere on the site
        return "" if html.startswith(VERDICT) else NEARBY.sub(r"\1", SCRIPT.sub("", html))
    for kind in ("image/png", "image/jpeg"):
        if kind in data:
            picture = "".join(data[kind]).replace("\n", "")
            return f'<img alt="What the cell above shows" src="data:{kind};base64,{picture}">'
    if "image/svg+xml" in data:
        return "".join(data["image/svg+xml"])
    if "application/vnd.jupyter.widget-view+json" in data:
        return ""
    return _text("".join(data.get("text/plain", "")))


def _figure(stored: dict) -> str:
    """Return a figure of plotly that `docs/site/figures.js` draws, and what stands there before."""
    figure = json.dumps({key: stored.get(key, {}) for key in ("data", "layout")})
    safe = figure.replace("<", "\\u003c")  # no text in it may end the script
    script = f'<script type="application/json">{safe}</script>'
    return f'<div class="figure"><div class="still">{_still(stored)}</div>{script}</div>'


def _still(stored: dict) -> str:
    """Return a figure as SVG, or a sentence where it is of a kind that only plotly can draw."""
    import plotly.graph_objects as go

    from o2u_nb.plots.still_figure import still_figure

    plain = _arrays(stored)
    try:
        return still_figure(go.Figure(data=plain["data"], layout=plain.get("layout", {})))
    except ValueError:
        return "A figure, which is drawn where scripts may run."


def _arrays(value):
    """Unpack the arrays of a stored plotly figure, which are kept as base64."""
    if isinstance(value, dict) and "bdata" in value:
        array = np.frombuffer(base64.b64decode(value["bdata"]), dtype=np.dtype(value["dtype"]))
        shape = str(value.get("shape", array.size))
        return array.reshape([int(size) for size in shape.split(",")])
    if isinstance(value, dict):
        return {key: _arrays(part) for key, part in value.items()}
    return [_arrays(part) for part in value] if isinstance(value, list) else value


def _text(text: str) -> str:
    return f"<pre>{escape(ESCAPES.sub('', text).strip())}</pre>"
