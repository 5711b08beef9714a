"""Why is this sample listed? One card with everything that is known of it, and the decision.

In comes a session; out go the picture of its current sample, a plain sentence, the class
probabilities, the loss, and what each detector says.
"""

import base64
from collections.abc import Callable

import numpy as np
from ipywidgets import HTML, Button, HBox, Layout

from o2u_nb.plots import still
from o2u_nb.plots.bands import crowd_bands
from o2u_nb.plots.look import COLORS, SUSPECT
from o2u_nb.review.session import ReviewSession
from o2u_nb.review.why import card
from o2u_nb.review.words import BUTTONS, told
from o2u_nb.text import inert, percent, unbroken
from o2u_nb.widgets.parts.entry import Entry
from o2u_nb.widgets.parts.panel import Panel
from o2u_nb.widgets.parts.question import ClassQuestion

PICTURE = 260  # pixels of the picture's longest side
LOOK_ALIKE = 72  # pixels of a look-alike's longest side: four are side by side in the card
CURVE = 300  # pixels of the width of the curve of the loss
N_PROBS = 5  # classes whose probabilities are shown
FAINT = "color:var(--jp-ui-font-color2)"
BAR = "display:inline-block;height:10px;border-radius:2px;background:{};width:{:.0f}%"
CARD = "overflow-wrap:anywhere;line-height:1.45;color:var(--jp-ui-font-color1)"
LARGE = f"display:block;width:100%;max-width:{PICTURE}px;max-height:{PICTURE}px;object-fit:contain"
NEAR = f"display:inline-block;vertical-align:top;margin:2px;width:{LOOK_ALIKE}px;font-size:11px"
HEAD = f"text-align:left;font-weight:normal;{FAINT}"
EYE_COLUMNS = ("eye", "takes it for", "score (nats)")
OF_FIRST = "The probabilities, the loss and the detectors below are those of the first eye."
NO_EMBEDDINGS = (
    "Nearest look-alikes: no embeddings were recorded. Audit again, or pass "
    "<code>embeddings(learn)</code> to <code>Audit.save</code>."
)
ROW = dict(flex_flow="row wrap", flex="0 0 auto")


class WhyCard(Panel):
    """Explain the session's current sample, and take the decision on it.

    If the current sample is selected, the buttons decide all selected samples, and the card says
    so in words. Otherwise they decide the current sample alone.
    """

    def __init__(self, session: ReviewSession):
        self._html = HTML(layout=Layout(width="100%", flex="0 0 auto"))
        self._buttons = {
            "Keep": self._button(*BUTTONS["keep"], session.keep, "check"),
            "Accept": self._button(*BUTTONS["accept"], session.relabel, "exchange"),
            "Drop": self._button(*BUTTONS["drop"], session.drop, "trash"),
            "Unsure": self._button(*BUTTONS["unsure"], session.unsure, "question"),
            "Undo": self._button("Undo", "take back the last decision", session.undo, "undo"),
            "Redo": self._button("Redo", "decide again what was undone", session.redo, "repeat"),
        }
        self._other = Entry(
            self._on_other,
            names=session.classes,
            placeholder="Change to another label …",
            hint="Type the right label and press Enter, or pick it",
            layout=Layout(width="auto", flex="1 1 180px", min_width="0"),
        )
        self._question = ClassQuestion(self._on_answer)
        self._bands = crowd_bands(session.trace, session.scores)
        row = HBox([*self._buttons.values(), self._other], layout=ROW)
        super().__init__(session, [row, self._question, self._html])
        self._follow(self._draw, "current", "selected", "revision", "suspects")
        self._draw()

    def _button(self, text: str, hint: str, command: Callable, icon: str) -> Button:
        hint = hint[0].upper() + hint[1:]
        button = Button(description=text, tooltip=hint, icon=icon, layout=Layout(width="auto"))
        button.on_click(lambda _: self._try(self._decide, command))
        return button

    def _on_other(self, typed: str) -> None:
        """Relabel with the class that was entered, or ask what is meant by an unknown name."""
        name = typed if typed in self.session.classes else typed.strip()
        if name in self.session.classes:
            self._try(self._relabel, name)
        elif name:
            self._question.ask(name, self.session.near_class(name))

    def _on_answer(self, name: str, is_new: bool) -> None:
        self._try(self._relabel, name, new_class=is_new and name)

    def _relabel(self, name: str, **options) -> None:
        self._decide(self.session.relabel, name, **options)
        self._other.clear()

    def _decide(self, command, *args, **options) -> None:
        if self.session.current not in self.session.selected:
            self.session.selected = ()  # a command must not decide samples that the card hides
        command(*args, **options)

    def _wanted(self) -> tuple:
        session = self.session
        n_suspects = int(session.suspects.sum())
        meant = self._n_meant()
        return session.current, meant, session.revision, session.made_classes, n_suspects

    def _n_meant(self) -> int:
        """Count the samples that the buttons decide."""
        session = self.session
        return len(session.selected) if session.current in session.selected else 1

    def _redraw(self, _) -> None:
        nobody = self.session.current is None
        self._question.take_back()  # it was about another sample, or has been answered
        for button in self._buttons.values():
            button.disabled = nobody
        self._buttons["Undo"].disabled = not self.session.can_undo
        self._buttons["Redo"].disabled = not self.session.can_redo
        self._other.disabled = nobody
        self._other.names = self.session.classes
        self._html.value = self._still()

    def _still(self) -> str:
        sample_id = self.session.current
        if sample_id is None:
            return f'<p style="{FAINT}">No sample is in view: change the filters.</p>'
        known = card(self.session, sample_id)
        parts = [
            _meant(self._n_meant()),
            self._picture(known),
            f"<p>{unbroken(inert(known['reason'], 600))}</p>",
            _decision(known),
            _eyes(known),
            self._look_alikes(known),
            _probs(known),
            self._curve(known),
            _opinions(known),
        ]
        return f'<div style="{CARD}">{"".join(parts)}</div>'

    def _picture(self, known: dict) -> str:
        alt = f"Rank {known['rank']}, given label {inert(known['label'])}"
        state = known["image"]
        note = "" if state["state"] == "ok" else f"<p><b>{inert(state['detail'], 200)}</b></p>"
        return (
            f"{_image(self.session.thumbnail(known['sample_id'], PICTURE), LARGE, alt)}{note}"
            f"<p><b>#{known['rank']:,}</b> given <b>{inert(known['label'])}</b>, looks like "
            f"<b>{inert(known['suggested'] or 'nothing else')}</b><br>"
            f'<span style="{FAINT}">{inert(known["sample_id"], 120)}</span></p>'
        )

    def _look_alikes(self, known: dict) -> str:
        """Show the nearest samples, and whether their labels agree with this one's."""
        near = known["neighbours"]
        if not near:
            return f'<p style="{FAINT}">{NO_EMBEDDINGS}</p>' if near is None else ""
        ids = [other["sample_id"] for other in near]
        pictures = self.session.page_thumbnails(ids, LOOK_ALIKE)
        figures = [_figure(*pair) for pair in zip(near, pictures, strict=True)]
        vote = f"<p style='margin:0'>{inert(known['vote'], 300)}</p>"
        return f"{_heading('Nearest look-alikes')}{vote}{''.join(figures)}"

    def _curve(self, known: dict) -> str:
        loss = np.array([known["trajectory"]["loss"]], dtype=float)
        return still.losses(self._bands, loss, of="this sample", width=CURVE)


def _image(jpeg: bytes, style: str, alt: str) -> str:
    """Show a picture; `alt` must be inert text."""
    data = base64.b64encode(jpeg).decode("ascii")
    return (
        f'<img src="data:image/jpeg;base64,{data}" alt="{alt}" style="{style};border-radius:4px">'
    )


def _figure(near: dict, jpeg: bytes) -> str:
    """Show a look-alike with its label, whether that is the same, and what was decided of it."""
    label = inert(near["label"], 40)
    same = "same label" if near["same_label"] else "other label"
    decided = f"<br>{told(near['decision'])}" if near["decision"] else ""
    about = f"{inert(near['sample_id'], 120)}, similarity {near['similarity']:.2f}"
    return (
        f'<figure style="{NEAR}" title="{about}">'
        f"{_image(jpeg, 'max-width:100%', f'Look-alike labelled {label}, {same}')}"
        f"<figcaption><b>{label}</b><br>{same}{decided}</figcaption></figure>"
    )


def _meant(count: int) -> str:
    return f"<p><b>The buttons decide all {count:,} selected samples.</b></p>" if count > 1 else ""


def _decision(known: dict) -> str:
    if known["decision"] is None:
        return f'<p style="{FAINT}">Not decided yet.</p>'
    who = inert(known["reviewer"] or "somebody")
    what = told(known["decision"], known["new_label"])
    return f"<p>Decided by {who}: <b>{inert(what, 100)}</b>.</p>"


def _eyes(known: dict) -> str:
    """Show what each eye says of the label; nothing with a single eye."""
    if not known["eyes"]:
        return ""
    rows = [
        f'<tr title="{inert(eye["title"], 120)}"><td>{inert(eye["name"], 32)}</td>'
        f"<td>{inert(eye['seen_as'] or '–', 32)}</td>"
        f'<td style="white-space:nowrap">{_signed(eye["score"])}{inert(eye["side"])}</td></tr>'
        for eye in known["eyes"]
    ]
    head = "".join(f'<th style="{HEAD}">{name}</th>' for name in EYE_COLUMNS)
    table = _table(f"Against the label: {inert(known['verdict'])}", [f"<tr>{head}</tr>", *rows])
    return f'{table}<p style="{FAINT};font-size:12px;margin:0">{OF_FIRST}</p>'


def _signed(score: float | None) -> str:
    """Write an eye's score with its sign, a true minus, and a space; "" where there is none."""
    return "" if score is None else f"{score:+.1f} ".replace("-", "−")


def _probs(known: dict) -> str:
    rows = [
        f'<tr><td>{inert(name, 24)}{_role(name, known)}</td><td style="width:40%">'
        f'<span style="{BAR.format(_color(name, known), 100 * share)}"></span></td>'
        f'<td style="text-align:right">{percent(share)}</td></tr>'
        for name, share in known["probs"][:N_PROBS]
    ]
    return _table("What the network saw, on average", rows)


def _role(name: str, known: dict) -> str:
    """Say which class is the given label, since colour must not be the only sign."""
    return f' <span style="{FAINT}">(given)</span>' if name == known["label"] else ""


def _color(name: str, known: dict) -> str:
    return SUSPECT if name == known["label"] else COLORS[1]


def _opinions(known: dict) -> str:
    agree, asked = known["agreement"]
    rows = [
        f"<tr><td>{'✓' if vote['agrees'] else '–'} {inert(vote['title'])}</td>"
        f'<td style="text-align:right">{vote["value"]:.3g}</td>'
        f'<td style="text-align:right">rank {vote["rank"]:,}</td></tr>'
        for vote in known["opinions"]
    ]
    return _table(f"{agree} of {asked} detectors count it among the suspects", rows)


def _table(title: str, rows: list[str]) -> str:
    return f'{_heading(title)}<table style="width:100%;font-size:12px">{"".join(rows)}</table>'


def _heading(title: str) -> str:
    return f'<p style="margin-bottom:0"><b>{title}</b></p>'
