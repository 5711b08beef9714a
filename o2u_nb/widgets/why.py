"""Why is this sample listed? One card with everything that is known of it, and the decision.

In comes a session; out goes the picture, a plain sentence, the class probabilities, the loss, and
what each detector says, for the session's current sample.
"""

import base64

import numpy as np
from ipywidgets import HTML, Button, HBox, Layout

from o2u_nb import plots
from o2u_nb.review.session import ReviewSession
from o2u_nb.text import inert, percent
from o2u_nb.widgets import still
from o2u_nb.widgets.panel import Panel

PICTURE = 240  # pixels of the longest side
CURVE = 300
DONE = {"keep": "kept", "relabel": "changed to", "drop": "dropped", "unsure": "marked unsure"}
FAINT = "color:var(--jp-ui-font-color2)"
BAR = "display:inline-block;height:10px;border-radius:2px;background:{};width:{:.0f}%"
CARD = "overflow-wrap:anywhere;line-height:1.45;color:var(--jp-ui-font-color1)"


class WhyCard(Panel):
    """Explain the session's current sample, and take the decision on it."""

    def __init__(self, session: ReviewSession):
        self._html = HTML(layout=Layout(width="100%", flex="0 0 auto"))
        commands = {
            "Keep": (session.keep, "The given label is right", "check"),
            "Accept": (session.relabel, "Change to the suggested label", "exchange"),
            "Drop": (session.drop, "The picture does not belong in the data set", "trash"),
            "Unsure": (session.unsure, "I cannot tell", "question"),
            "Undo": (session.undo, "Take back the last decision", "undo"),
        }
        self._buttons = {name: self._button(name, *what) for name, what in commands.items()}
        row = HBox(
            list(self._buttons.values()), layout=Layout(flex_flow="row wrap", flex="0 0 auto")
        )
        super().__init__(session, [row, self._html])
        self._bands = plots.crowd_bands(session.trace, session.scores, value="loss", label=None)
        self._follow(self._draw, "current", "revision")
        self._draw()

    def _button(self, name: str, command, tooltip: str, icon: str) -> Button:
        button = Button(description=name, tooltip=tooltip, icon=icon, layout=Layout(width="auto"))
        button.on_click(lambda _: self._try(command))
        return button

    def _draw(self, _=None) -> None:
        nobody = self.session.current is None
        for name, button in self._buttons.items():
            button.disabled = not self.session.can_undo if name == "Undo" else nobody
        self._html.value = self._still()

    def _still(self) -> str:
        sample_id = self.session.current
        if sample_id is None:
            return f'<p style="{FAINT}">No sample is in view: change the filters.</p>'
        known = self.session.sample(sample_id)
        parts = [
            self._picture(sample_id, known),
            f"<p>{inert(known['reason'], 600)}</p>",
            _decision(known),
            _probs(known),
            self._curve(known),
            _opinions(known),
            f'<p style="{FAINT}">Nearest look-alikes: no embeddings were recorded.</p>',
        ]
        return f'<div style="{CARD}">{"".join(parts)}</div>'

    def _picture(self, sample_id: str, known: dict) -> str:
        data = base64.b64encode(self.session.thumbnail(sample_id, PICTURE)).decode()
        alt = f"Rank {known['rank']}, given label {inert(known['label'])}"
        style = "max-width:100%;min-width:160px;image-rendering:auto;border-radius:4px"
        state = known["image"]
        note = "" if state["state"] == "ok" else f"<p><b>{inert(state['detail'], 200)}</b></p>"
        return (
            f'<img src="data:image/jpeg;base64,{data}" alt="{alt}" style="{style}">{note}'
            f"<p><b>#{known['rank']:,}</b> given <b>{inert(known['label'])}</b>, looks like "
            f"<b>{inert(known['suggested'] or 'nothing else')}</b><br>"
            f'<span style="{FAINT}">{inert(sample_id, 120)}</span></p>'
        )

    def _curve(self, known: dict) -> str:
        loss = np.array([known["trajectory"]["loss"]], dtype=float)
        caption = "Loss by epoch (dashed) and of the crowd (grey: median, 50 and 90 % bands)."
        return still.curves(self._bands, loss, caption, width=CURVE)


def _decision(known: dict) -> str:
    if known["decision"] is None:
        return f'<p style="{FAINT}">Not decided yet.</p>'
    new = f" <b>{inert(known['new_label'])}</b>" if known["decision"] == "relabel" else ""
    who = inert(known["reviewer"] or "somebody")
    return f"<p>Decided by {who}: <b>{DONE[known['decision']]}</b>{new}.</p>"


def _probs(known: dict) -> str:
    rows = [
        f'<tr><td>{inert(name, 24)}</td><td style="width:50%">'
        f'<span style="{BAR.format(_color(name, known), 100 * share)}"></span></td>'
        f'<td style="text-align:right">{percent(share)}</td></tr>'
        for name, share in known["probs"][:5]
    ]
    return _table("What the network saw, on average", rows)


def _color(name: str, known: dict) -> str:
    return plots.SUSPECT if name == known["label"] else plots.COLORS[1]


def _opinions(known: dict) -> str:
    agree, asked = known["agreement"]
    rows = [
        f"<tr><td>{'✓' if vote['agrees'] else '–'} {inert(vote['detector'])}</td>"
        f'<td style="text-align:right">rank {vote["rank"]:,}</td></tr>'
        for vote in known["opinions"]
    ]
    return _table(f"{agree} of {asked} detectors count it among the suspects", rows)


def _table(title: str, rows: list[str]) -> str:
    return (
        f'<p style="margin-bottom:0"><b>{title}</b></p>'
        f'<table style="width:100%;font-size:12px">{"".join(rows)}</table>'
    )
