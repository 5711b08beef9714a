"""The suspect grid: thousands of pictures in one widget, decided on by keyboard or mouse.

In come a session and messages from the browser: which rows are on screen, which places are
selected, and commands. Out go small traits (how many samples, which is current), pages of rows with
JPEG buffers, and one line that says what was done, or why it was not.
"""

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import anywidget
import numpy as np
import pandas as pd
import traitlets

from o2u_nb.detect.registry import called
from o2u_nb.errors import O2UError
from o2u_nb.plots.gallery import DENSITY, Gallery, suspect_grid
from o2u_nb.review.events import ACTIONS
from o2u_nb.review.filters import DECISION_FILTERS, FILTERS, STATES, UNDECIDED
from o2u_nb.review.session import ReviewSession
from o2u_nb.review.why import card
from o2u_nb.review.words import BUTTONS, ON_TILE
from o2u_nb.widgets import saying
from o2u_nb.widgets.alike import AlikeMessages, plain
from o2u_nb.widgets.card import Card
from o2u_nb.widgets.esm import joined
from o2u_nb.widgets.further import Further
from o2u_nb.widgets.parts.watch import watch

SETTINGS = (*FILTERS, "advance")  # the traits of the session that the browser may set
ORDERING = ("order_by", "descending", "group_by")  # those of them that change the order of the list
OBSERVED = (
    "visible", "groups", "hidden_matches", "revision", "counts", "selected", "current",
    "made_classes", "tags", "concealed", *SETTINGS,
)  # fmt: skip
# A command that is on its way may refer to an older list, so the latest lists are kept: at most
# KEPT_ORDERS, since no reviewer is that many changes ahead of a slow kernel, and KEPT_BYTES of
# memory, but never fewer than LEAST_ORDERS. All three are choices.
KEPT_ORDERS = 200
KEPT_BYTES = 64 << 20  # 64 MiB
LEAST_ORDERS = 8
AGAIN = "again"  # the action that decides as the last command did
MOST_ROWS = 600  # in one page; a screen of 2,500 pixels shows some 150 of the smallest tiles
N_LIKELY = 9  # as many as there are digit keys
FEW = (
    10  # classes that are offered by their names; of more, the first nine would be chosen too often
)
COMPARED = 1024  # pixels of the longest side of two pictures side by side
STILL = 24  # pictures in the still grid
STILL_SIZE = 128  # pixels of their longest side; as for tiles, so that most are in the cache

Ranges = list[list[int]]


class SuspectGrid(anywidget.AnyWidget):
    """Show what is visible in `session` as tiles, and carry out what the reviewer decides.

    A *place* is a position in `session.visible`. Places change their meaning with every filter, so
    each such list has a number, `order`, and the browser says to which list its places belong. So a
    command is carried out on what was on screen when the key was pressed. `tile_size` (64 to 512)
    is the longest side of a picture, and `tall` the height of the list, both in CSS pixels.
    """

    _esm = joined(Path(__file__).parent / "js" / "grid.js")
    _css = Path(__file__).with_name("grid.css")

    length = traitlets.Int(help="how many samples are visible").tag(sync=True)
    order = traitlets.Int(0, help="number of the list that places refer to").tag(sync=True)
    revision = traitlets.Int(help="changes with the decisions").tag(sync=True)
    place = traitlets.Int(None, allow_none=True, help="of the current sample").tag(sync=True)
    chosen = traitlets.List(help="[start, stop) of selected places, ascending").tag(sync=True)
    counts = traitlets.Dict(help="see `ReviewSession`").tag(sync=True)
    settings = traitlets.Dict(help="filters and sorting").tag(sync=True)
    choices = traitlets.Dict(help="see `_choices`").tag(sync=True)
    groups = traitlets.List(help="see `Further.traits`").tag(sync=True)
    hidden = traitlets.Dict(help="see `Further.traits`").tag(sync=True)
    tags = traitlets.List(help="see `Further.traits`").tag(sync=True)
    noted = traitlets.Int(help="see `Further.traits`").tag(sync=True)
    hint = traitlets.Unicode(help="see `Further.traits`").tag(sync=True)
    tile_size = traitlets.Int(128, min=64, max=512).tag(sync=True)
    tall = traitlets.Int(560, min=200).tag(sync=True)

    def __init__(self, session: ReviewSession, *, tile_size: int = 128, tall: int = 560):
        self.session = session
        self._orders: OrderedDict[int, np.ndarray] = OrderedDict()
        self._further = Further(session, lambda *sent, **options: self.send(*sent, **options))
        self._alike = AlikeMessages(session)
        self._cards = Card(session)
        self._answering = False  # whether a message of the browser is being carried out
        self._heard = len(session.decisions.events)  # of the log, as far as they were told
        self._follow()  # first, so that the widget opens complete, in one message
        super().__init__(tile_size=tile_size, tall=tall)
        session.observe(self._follow, list(OBSERVED))
        self.on_msg(self._receive)
        self._watch = watch(session)

    def close(self) -> None:
        """Take the grid off the screen, and leave the session alone."""
        if self.comm is not None:
            self.session.unobserve(self._follow, list(OBSERVED))
            self._watch.remove()
        super().close()

    def still(self) -> Gallery:
        """Return the first page as plain HTML, for where no kernel answers."""
        top = self.session.visible[:STILL]
        scores = self.session.scores.iloc[top].assign(suspect=True)
        pictures = self.session.page_thumbnails(list(scores.index), STILL_SIZE)
        samples = pd.DataFrame({"image": pictures}, index=scores.index)
        title = f"{len(top):,} of {self.length:,} samples to review. Run the cell to review them."
        size = round(STILL_SIZE / DENSITY)
        return suspect_grid(samples, scores, n=STILL, size=size, title=title)

    def __repr__(self) -> str:
        counts = self.session.counts
        decided = counts["suspects"] - counts["remaining"]
        return f"SuspectGrid({decided:,} of {counts['suspects']:,} suspects decided)"

    def _repr_mimebundle_(self, **kwargs) -> tuple[dict, dict]:
        data, metadata = super()._repr_mimebundle_(**kwargs)
        return {**data, "text/html": self.still().html}, metadata

    # Following the session

    def _follow(self, _=None) -> None:
        """Bring the traits into step with the session, in one message."""
        session = self.session
        with self.hold_sync():
            self._number(session.visible)
            self.length = len(session.visible)
            self.revision = session.revision
            self.place = None if session.current is None else session.index_of(session.current)
            self.chosen = self._chosen()
            self.counts = session.counts
            self.settings = _settings(session)
            self.choices = _choices(session)
            for name, value in self._further.traits().items():
                setattr(self, name, value)
        self._tell()

    def _tell(self) -> None:
        """Say what was decided elsewhere: in another panel or cell, or by another reviewer."""
        events = self.session.decisions.events
        new, self._heard = events[self._heard :], len(events)
        if new and not self._answering:
            self.send(dict(kind="told", said=saying.elsewhere(self.session, new)))

    def _number(self, visible: np.ndarray) -> None:
        """Give a new list of positions a number, and keep it for commands that are on their way."""
        if self._orders.get(self.order) is not visible:
            self.order += 1
            self._orders[self.order] = visible
            room = max(LEAST_ORDERS, KEPT_BYTES // max(visible.nbytes, 1))
            while len(self._orders) > min(KEPT_ORDERS, room):
                self._orders.popitem(last=False)

    def _chosen(self) -> Ranges:
        """Return the places of the session's selection."""
        if not self.session.selected:
            return []
        columns = self.session.columns
        visible = self.session.visible
        place_of = np.empty(len(columns), dtype=np.int64)
        place_of[visible] = np.arange(len(visible))
        return runs(np.sort(place_of[columns.positions(self.session.selected)]))

    # Answering the browser

    def _receive(self, _, message: dict, buffers: list) -> None:
        """Carry out one message; its `view` and `seq` go back, with what was `said`."""
        respond = self._responses().get(message.get("kind"))
        if respond is None:
            return
        with self.session.lock:  # a cell may decide meanwhile, in another thread
            self._answer(respond, message)

    def _answer(self, respond: Callable, message: dict) -> None:
        answer = {"kind": "done", "view": message.get("view"), "seq": message.get("seq")}
        self._answering = True
        try:
            with self.hold_sync():
                said = respond(message)
        except O2UError as error:
            self.send({**answer, "failed": str(error)})
        except Exception as error:  # not foreseen: shown on screen, and raised for the log
            self.send({**answer, "failed": f"{type(error).__name__}: {error}"})
            raise
        else:
            self.send({**answer, "said": said})
        finally:
            self._answering = False

    def _responses(self) -> dict:
        return dict(
            page=self._page,
            card=self._card,
            original=self._original,
            compare=self._compare,
            near=self._near,
            select=self._select,
            go=self._go,
            show=self._show,
            decide=self._decide,
            undo=lambda _: saying.back(self.session, self.session.undo(), "undo", "Undone"),
            redo=lambda _: saying.back(self.session, self.session.redo(), "redo", "Redone"),
            next=self._next,
            set=self._set,
            note=lambda message: self._further.note(message, self._ids(message)),
            tag=lambda message: self._further.tag(message, self._ids(message)),
            untag=lambda message: self._further.untag(message, self._ids(message)),
            above=self._further.preview,
            acceptAbove=self._further.accept,
            reveal=self._further.reveal_matches,
            find=self._further.find,
            like=lambda message: self._alike.like(self._ids(message)),
            likeLabels=self._alike.choose,
            unlike=self._alike.stop,
            clear=self._clear,
        )

    def _page(self, message: dict) -> None:
        """Send rows, and the pictures of those places for which the browser has none."""
        start = max(message["start"], 0)
        size = message["size"]
        stop = min(message["stop"], start + MOST_ROWS)
        rows = self.session.page(start, stop) if message["order"] == self.order else []
        places = [place - start for place in message["pictures"]]
        ids = [rows[place]["sample_id"] for place in places if 0 <= place < len(rows)]
        page = dict(
            kind="page", order=message["order"], revision=self.revision, start=start, rows=rows,
            size=size, pictures=ids,
        )  # fmt: skip
        self.send(page, buffers=self.session.page_thumbnails(ids, size))

    def _card(self, message: dict) -> None:
        """Send all that is known of a sample as HTML, and what the browser makes buttons of.

        `classes` are the likeliest ones without the given label, as pairs of name and probability;
        `near` are the ids of the look-alikes, in the order of the card.
        """
        if self.session.concealed:
            self._plain_card(message["sample_id"])
            return
        known = card(self.session, message["sample_id"])
        classes = [[name, prob] for name, prob in known["probs"] if name != known["label"]]
        if not classes and known["suggested"] is not None:
            classes = [[known["suggested"], None]]
        self.send(
            dict(
                kind="card", sample_id=known["sample_id"], revision=self.session.revision,
                classes=classes[:N_LIKELY],
                near=[near["sample_id"] for near in known["neighbours"] or ()],
                html=self._cards.html(known, picture=False, pressable=True),
            )
        )  # fmt: skip

    def _plain_card(self, sample_id: str) -> None:
        """Send a card that betrays nothing; its classes are in the order of their names."""
        (position,) = self.session.columns.positions([sample_id])
        row = self.session.row(position)
        given = row["label"]
        others = [name for name in self.session.classes if name != given]
        classes = [[name, None] for name in others] if len(others) <= FEW else []
        sent = dict(kind="card", sample_id=sample_id, revision=self.revision, near=[])
        html = self._cards.plain(sample_id if row["named"] else "", given)
        self.send(dict(sent, classes=classes[:N_LIKELY], html=html))

    def _original(self, message: dict) -> None:
        """Send a sample's picture with all its pixels, as far as a page can show them."""
        picture = self.session.original(message["sample_id"])
        sent = dict(kind="original", sample_id=message["sample_id"])
        self.send(sent, buffers=[picture])

    def _compare(self, message: dict) -> None:
        """Send two samples to be seen side by side: the two that are meant, or one and its rival.

        The rival of a sample is its nearest look-alike with another label.
        """
        if self.session.concealed:
            raise O2UError("What it looks like is hidden now.")
        known = [card(self.session, id) for id in self._ids(message)[:3]]
        if len(known) == 1:
            known.append(card(self.session, _rival(known[0])))
        if len(known) != 2:
            raise O2UError("Select two pictures to compare them, or one to see its look-alike.")
        ids = [each["sample_id"] for each in known]
        cards = [self._cards.brief(each) for each in known]
        sent = dict(kind="compare", view=message["view"], ids=ids, cards=cards)
        self.send(sent, buffers=self.session.page_thumbnails(ids, COMPARED))

    def _near(self, message: dict) -> None:
        """Send the class that is probably meant by a new name, if there is one."""
        name = message["name"]
        self.send(dict(kind="near", name=name, near=self.session.near_class(name)))

    def _select(self, message: dict) -> None:
        """Take over what is current and, when it is more than that, what is selected."""
        session = self.session
        shown = self._shown(message)
        if shown is not session.visible:
            return  # The list has changed in the meantime, which the browser is told as well.
        with session.hold_trait_notifications():
            session.selected = tuple(self._ids(message))
            session.current = session.columns.ids_at(shown[[message["place"]]])[0]

    def _go(self, message: dict) -> str | None:
        """Make a sample the current one; if the filters hide it, offer to show it."""
        session, sample_id = self.session, message["sample_id"]
        if not session.is_shown(sample_id):
            self.send(dict(kind="hidden", view=message["view"], sample_id=sample_id))
            return f"{sample_id} is hidden by the filters."
        with session.hold_trait_notifications():
            session.selected = ()
            session.current = sample_id
        return None

    def _show(self, message: dict) -> None:
        """Make a sample the current one, and switch off the filters that hide it."""
        self.session.selected = ()
        self.session.reveal(message["sample_id"])

    def _clear(self, _: dict) -> str:
        """Switch off all filters but the one for suspects."""
        self.session.clear_filters()
        return "All filters are cleared."

    def _decide(self, message: dict) -> str:
        """Record one decision on the samples of a message, move on, and say what was done."""
        session = self.session
        shown = self._shown(message)
        places = expand(message["ranges"], len(shown))
        ids = self._ids(message)
        if not ids:
            raise O2UError("Nothing is selected: pick a picture first.")
        known = set(session.classes)
        with session.hold_trait_notifications():
            self._carry_out(message, ids)
            session.selected = ()
            if session.advance or session.index_of(ids[-1]) is None:
                self._move_on(shown, places[-1])
        is_new = not known.issuperset(session.classes)
        events = [session.decisions.current(id) for id in ids]
        return saying.decided(self.session, events, places[-1], len(shown), is_new=is_new)

    def _carry_out(self, message: dict, ids: list[str]) -> None:
        """Record a decision. The browser sends `new_class` only after it has asked `_near`."""
        action = message["action"]
        new_label = message.get("new_label")
        if action == AGAIN:
            self.session.again(ids)
            return
        if action not in ACTIONS:
            raise O2UError(f"No action {action!r}: expected one of {', '.join(ACTIONS)}.")
        if action == "relabel":
            is_meant = bool(message.get("new_class"))
            self.session.relabel(new_label, ids, new_class=is_meant and new_label)
        else:
            getattr(self.session, action)(ids)

    def _move_on(self, shown: np.ndarray, place: int) -> bool:
        """Make the next undecided sample after `place` current, or else the first undecided one.

        Returns whether there is one.
        """
        session = self.session
        still_here = np.zeros(len(session.columns), dtype=bool)
        still_here[session.visible] = True
        is_open = session.states[shown] == STATES.index(UNDECIDED)
        undecided = np.flatnonzero(is_open & still_here[shown])
        later = undecided[undecided > place]
        if len(undecided):
            following = shown[[later[0] if len(later) else undecided[0]]]
            session.current = session.columns.ids_at(following)[0]
        return len(undecided) > 0

    def _next(self, message: dict) -> str | None:
        with self.session.hold_trait_notifications():
            self.session.selected = ()
            found = self._move_on(self._shown(message), message["place"])
        return None if found else "Nothing here is undecided."

    def _set(self, message: dict) -> None:
        """Change one setting of the session; a new order makes the first sample the current one."""
        name = message["name"]
        value = message["value"]
        if name not in SETTINGS:
            raise O2UError(f"No setting {name!r}: expected one of {', '.join(SETTINGS)}.")
        session = self.session
        setattr(session, name, tuple(value) if isinstance(value, list) else value)
        if name in ORDERING and len(session.visible):
            session.current = session.columns.ids_at(session.visible[:1])[0]

    def _shown(self, message: dict) -> np.ndarray:
        """Return the positions that were on screen when the message was sent."""
        shown = self._orders.get(message["order"])
        if shown is None:
            raise O2UError(
                "The list has changed too often since then, so nothing is recorded: please repeat."
            )
        return shown

    def _ids(self, message: dict) -> list[str]:
        """Return the samples that a message means by its `ranges` of places."""
        shown = self._shown(message)
        return self.session.columns.ids_at(shown[expand(message["ranges"], len(shown))])


def _rival(known: dict) -> str:
    """Return the nearest look-alike with another label; `known` is what `review.why.card` says."""
    for near in known["neighbours"] or ():
        if not near["same_label"]:
            return near["sample_id"]
    raise O2UError(
        f"No look-alike of {known['sample_id']} with another label is known: select two pictures."
    )


def runs(places: np.ndarray) -> Ranges:
    """Write ascending whole numbers as ranges [start, stop).

    >>> runs(np.array([2, 3, 4, 9]))
    [[2, 5], [9, 10]]
    """
    if not len(places):
        return []
    last_of_run = np.flatnonzero(np.diff(places) > 1)  # of each run except the last one
    starts = places[[0, *(last_of_run + 1)]]
    stops = places[[*last_of_run, len(places) - 1]] + 1
    return np.column_stack([starts, stops]).tolist()


def expand(ranges: Ranges, length: int) -> np.ndarray:
    """Return the places in ranges [start, stop), (k,) of int, limited to 0 to `length` - 1.

    >>> expand([[2, 5], [9, 12]], 10).tolist()
    [2, 3, 4, 9]
    """
    parts = [np.arange(max(start, 0), min(stop, length)) for start, stop in ranges]
    return np.concatenate([np.empty(0, dtype=np.int64), *parts])


def _choices(session: ReviewSession) -> dict:
    """Return what the browser offers, and the words for it.

    `classes` and `orders` are the session's; `order_titles` are what people read instead of the
    latter, and `decisions` what `decision_filter` may be. `buttons` has the text and hint of each
    command, `on_tile` the word for each decision; see `review.words`.
    """
    return dict(
        classes=session.classes,
        orders=session.orders,
        order_titles=[called(name) for name in session.orders],
        decisions=list(DECISION_FILTERS),
        buttons={name: button._asdict() for name, button in BUTTONS.items()},
        on_tile=ON_TILE,
    )


def _settings(session: ReviewSession) -> dict:
    """Return the session's settings as plain values; of a lasso only the number it picked.

    `concealed` is among them, which the browser may not set.
    """
    settings = {name: getattr(session, name) for name in SETTINGS}
    picked = settings["position_filter"]
    return settings | dict(
        pair_filter=settings["pair_filter"] and list(settings["pair_filter"]),
        position_filter=None if picked is None else len(picked),
        alike_filter=plain(session.alike_in_force),
        concealed=session.concealed,
    )
