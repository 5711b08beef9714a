"""The why card as HTML: everything that is known of one sample, for the pages that show it.

In comes a session and what `review.why.card` knows of a sample; out goes HTML without script, in
which all that other people wrote is plain text. The panel `WhyCard` and the grid's pane show it.
"""

import base64
from functools import cached_property

import numpy as np

from o2u_nb.plots import still
from o2u_nb.plots.bands import crowd_bands
from o2u_nb.plots.look import COLORS, SUSPECT
from o2u_nb.review.session import ReviewSession
from o2u_nb.review.words import told
from o2u_nb.text import inert, percent, unbroken

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
EYE_COLUMNS = ("eye", "looks like", "score (nats)")
OF_FIRST = "The probabilities, the loss and the detectors below are those of the first eye."
# A button that a page's script finds: it lists what is like this sample.
MORE_LIKE = (
    '<p class="o2u-like"><button type="button" class="o2u-button" data-like '
    'title="List what looks like this, of all samples ( l )">More like this</button></p>'
)
HIDDEN = (
    "What the network thinks of this picture is hidden, so that it does not influence your "
    "judgement."
)
NO_EMBEDDINGS = (
    "Nearest look-alikes: no embeddings were recorded. Audit again, or pass "
    "<code>embeddings(learn)</code> to <code>Audit.save</code>."
)


class Card:
    """Write cards of the samples of `session`."""

    def __init__(self, session: ReviewSession):
        self.session = session

    def html(
        self,
        known: dict,
        *,
        meant: int = 1,
        picture: bool = True,
        pressable: bool = False,
    ) -> str:
        """Return the card of one sample; `known` is what `review.why.card` says of it.

        `meant` is the number of samples that a decision would be about. Without `picture`, the page
        shows the sample's picture itself. `pressable` look-alikes have the attribute `data-near`,
        their place in `known["neighbours"]`, for a script to find.
        """
        parts = [
            _meant(meant),
            self._picture(known) if picture else "",
            _names(known),
            f"<p>{unbroken(inert(known['reason'], 600))}</p>",
            _decision(known),
            _remarks(known),
            self._curve(known),
            _probs(known),
            _eyes(known),
            self._look_alikes(known, pressable=pressable),
            _opinions(known),
        ]
        return _joined(parts)

    def plain(self, name: str, given: str | None) -> str:
        """Return a card of a sample's name and given label, and nothing of what a network thinks.

        Either may be hidden: the name is "" then, and the label None.
        """
        label = f"given <b>{inert(given)}</b>" if given else "the given label is hidden"
        line = f'<span style="{FAINT}">{inert(name, 120)}</span>'
        return _joined([f"<p>{label}<br>{line}</p>", f'<p style="{FAINT}">{HIDDEN}</p>'])

    def brief(self, known: dict) -> str:
        """Return what two samples are compared by: labels, decision, loss and probabilities."""
        parts = [_names(known), _decision(known), _remarks(known), self._curve(known)]
        return _joined([*parts, _probs(known)])

    @cached_property
    def _bands(self) -> np.ndarray:
        """Return the bands of the crowd's loss, computed when the first card is written."""
        return crowd_bands(self.session.trace, self.session.scores)

    def _picture(self, known: dict) -> str:
        alt = f"Rank {known['rank']}, given label {inert(known['label'])}"
        return _image(self.session.thumbnail(known["sample_id"], PICTURE), LARGE, alt)

    def _look_alikes(self, known: dict, *, pressable: bool) -> str:
        """Show the nearest samples, and whether their labels agree with this one's."""
        near = known["neighbours"]
        if not near:
            return f'<p style="{FAINT}">{NO_EMBEDDINGS}</p>' if near is None else ""
        ids = [other["sample_id"] for other in near]
        pictures = self.session.page_thumbnails(ids, LOOK_ALIKE)
        figures = [
            _figure(number, other, picture, pressable=pressable)
            for number, (other, picture) in enumerate(zip(near, pictures, strict=True))
        ]
        vote = f"<p style='margin:0'>{inert(known['vote'], 300)}</p>"
        more = MORE_LIKE if pressable else ""
        return f"{_heading('Nearest look-alikes')}{vote}{''.join(figures)}{more}"

    def _curve(self, known: dict) -> str:
        loss = np.array([known["trajectory"]["loss"]], dtype=float)
        return still.losses(self._bands, loss, of="this sample", width=CURVE)


def _joined(parts: list[str]) -> str:
    return f'<div style="{CARD}">{"".join(parts)}</div>'


def _names(known: dict) -> str:
    """Say which sample it is, its labels, and what is the matter with its picture."""
    state = known["image"]
    note = "" if state["state"] == "ok" else f"<p><b>{inert(state['detail'], 200)}</b></p>"
    return (
        f"{note}<p><b>#{known['rank']:,}</b> given <b>{inert(known['label'])}</b>, looks like "
        f"<b>{inert(known['suggested'] or 'no other class')}</b><br>"
        f'<span style="{FAINT}">{inert(known["sample_id"], 120)}</span></p>'
    )


def _image(jpeg: bytes, style: str, alt: str) -> str:
    """Show a picture; `alt` must be inert text."""
    data = base64.b64encode(jpeg).decode("ascii")
    return (
        f'<img src="data:image/jpeg;base64,{data}" alt="{alt}" style="{style};border-radius:4px">'
    )


def _figure(number: int, near: dict, jpeg: bytes, *, pressable: bool) -> str:
    """Show a look-alike with its label, whether that is the same, and what was decided of it."""
    label = inert(near["label"], 40)
    same = "same label" if near["same_label"] else "other label"
    decided = f"<br>{told(near['decision'])}" if near["decision"] else ""
    about = f"{inert(near['sample_id'], 120)}, similarity {near['similarity']:.2f}"
    return (
        f'<figure style="{NEAR}" title="{about}"{_button(number) if pressable else ""}>'
        f"{_image(jpeg, 'max-width:100%', f'Look-alike labelled {label}, {same}')}"
        f"<figcaption><b>{label}</b><br>{same}{decided}</figcaption></figure>"
    )


def _button(number: int) -> str:
    """Return the attributes of look-alike `number`, which a page makes a button by its script."""
    return f' class="o2u-near" role="button" tabindex="0" data-near="{number}"'


def _meant(count: int) -> str:
    return f"<p><b>The buttons decide all {count:,} selected samples.</b></p>" if count > 1 else ""


def _decision(known: dict) -> str:
    if known["decision"] is None:
        return f'<p style="{FAINT}">Not decided yet.</p>'
    who = inert(known["reviewer"] or "somebody")
    what = told(known["decision"], known["new_label"])
    note = f"<br>Note: {inert(known['note'], 300)}" if known["note"] else ""
    return f"<p>Decided by {who}: <b>{inert(what, 100)}</b>.{note}</p>"


def _remarks(known: dict) -> str:
    """Show what was noted on the sample, and its tags; nothing where there are none."""
    note = inert(known["note"], 2000).replace("\n", "<br>")
    tags = ", ".join(inert(tag) for tag in known["tags"])
    parts = [f"Note: {note}"] * bool(note) + [f"Tags: {tags}"] * bool(tags)
    return f"<p style='overflow-wrap:anywhere'>✎ {'<br>'.join(parts)}</p>" if parts else ""


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
