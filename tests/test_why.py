"""The nearest look-alikes of the why card: which samples, in which order, and what it says."""

import json

import numpy as np
import pytest

from o2u_nb import embedding_file
from o2u_nb import folder as layout
from o2u_nb.audit import Audit
from o2u_nb.errors import TraceError
from o2u_nb.review import why
from o2u_nb.review.reasons import Opinion, reason, vote
from o2u_nb.review.session import ReviewSession
from o2u_nb.widgets.why import WhyCard
from tests.audits import write_audit
from tests.pages import HOSTILE, Reader

N = 40  # sample k is labelled cheetah, jaguar, leopard, tiger, cheetah, ... by its number


def angles(order=range(N)) -> np.ndarray:
    """Embed sample k at 9 k degrees, rows in `order`: the nearest of 20 are 19, 21, 18, 22, ...

    All around the circle, so that their mean is 0.
    """
    radians = np.radians(9 * np.array(order, dtype=float))
    return np.stack([np.cos(radians), np.sin(radians)], axis=1)


@pytest.fixture
def folder(tmp_path):
    return write_audit(tmp_path / "audit")


@pytest.fixture
def session(folder):
    embedding_file.write(folder / layout.EMBEDDINGS, angles() * 7)
    return ReviewSession(folder, reviewer="ann")


def name(session, number: int) -> str:
    return next(id for id in session.scores.index if f"{number:07d}" in id)


def numbers(card: dict) -> list[int]:
    return [int(near["sample_id"].split("/")[1][:7]) for near in card["neighbours"]]


def test_the_nearest_are_listed_most_similar_first(session):
    card = why.card(session, name(session, 20))  # a cheetah
    assert sorted(numbers(card)) == [16, 17, 18, 19, 21, 22, 23, 24]
    assert set(numbers(card)[:2]) == {19, 21} and set(numbers(card)[-2:]) == {16, 24}
    labels = {near["sample_id"].split("/")[0]: near["label"] for near in card["neighbours"]}
    assert labels == {label: label for label in session.classes}
    same = {
        n: near["same_label"] for n, near in zip(numbers(card), card["neighbours"], strict=True)
    }
    assert [n for n in sorted(same) if same[n]] == [16, 24]
    similarities = [near["similarity"] for near in card["neighbours"]]
    expected = np.cos(np.radians([9, 9, 18, 18, 27, 27, 36, 36]))
    np.testing.assert_allclose(similarities, expected, atol=1e-3)
    assert all(type(s) is float for s in similarities)


def test_the_first_and_the_last_lie_beside_each_other(session):
    assert sorted(numbers(why.card(session, name(session, 0)))) == [1, 2, 3, 4, 36, 37, 38, 39]


def test_what_was_decided_of_a_look_alike_is_told(session):
    session.drop([name(session, 21)])
    session.relabel("jaguar", [name(session, 19)])
    card = why.card(session, name(session, 20))
    found = dict(zip(numbers(card), (near["decision"] for near in card["neighbours"]), strict=True))
    assert (found[21], found[19], found[18]) == ("drop", "relabel", None)
    session.undo()
    assert {near["decision"] for near in why.card(session, name(session, 20))["neighbours"]} == {
        None, "drop",
    }  # fmt: skip


def test_rows_follow_the_trace_and_not_the_table(folder, tmp_path):
    trained = Audit.open(folder)
    order = np.random.default_rng(0).permutation(N)
    trace = trained.trace.take(order)
    audit = Audit.save(tmp_path / "permuted", trained.samples, trace, angles(order))
    session = ReviewSession(audit, reviewer="ann")
    assert not trace.ids.equals(audit.samples.index) and not trace.ids.equals(session.scores.index)
    for number in (0, 20, 33):
        near = numbers(why.card(session, name(session, number)))
        away = lambda other, number=number: min((other - number) % N, (number - other) % N)  # noqa: E731
        by_distance = sorted(set(range(N)) - {number}, key=away)
        assert sorted(near) == sorted(by_distance[:8])


def test_a_small_audit_has_fewer(tmp_path):
    folder = write_audit(tmp_path / "audit", n=4, n_wrong=1)
    embedding_file.write(folder / layout.EMBEDDINGS, angles(range(4)))
    session = ReviewSession(folder, reviewer="ann")
    assert sorted(numbers(why.card(session, name(session, 2)))) == [0, 1, 3]


def test_embeddings_are_opened_late_and_mapped(folder):
    session = ReviewSession(folder, reviewer="ann")
    embedding_file.write(folder / layout.EMBEDDINGS, angles()[1:])
    with pytest.raises(TraceError, match=r"\(40, d\).*shape \(39, 2\).*audit again"):
        why.card(session, session.current)
    embedding_file.write(folder / layout.EMBEDDINGS, angles())
    assert isinstance(session.embeddings, np.memmap) and session.embeddings.dtype == np.float16
    assert len(why.card(session, session.current)["neighbours"]) == 8


def test_without_embeddings_there_are_none(folder):
    session = ReviewSession(folder, reviewer="ann")
    card = why.card(session, session.current)
    assert session.embeddings is None and card["neighbours"] is None and card["vote"] is None


@pytest.mark.parametrize(
    "label, neighbours, said",
    [
        ("tiger", "ttttttlj", "6 of its 8 nearest look-alikes have its own label, tiger."),
        ("leopard", "ttttttlj", "6 of its 8 nearest look-alikes are labelled tiger, and 1 has its "
         "own label, leopard."),
        ("leopard", "ttttttjj", "6 of its 8 nearest look-alikes are labelled tiger, and none has "
         "its own label, leopard."),
        ("leopard", "tttlljjj", "3 of its 8 nearest look-alikes are labelled tiger, and 2 have its "
         "own label, leopard."),
        ("leopard", "ttttllll", "4 of its 8 nearest look-alikes have its own label, leopard."),
        ("leopard", "tj", "1 of its 2 nearest look-alikes is labelled tiger, and none has its own "
         "label, leopard."),
    ],
)  # fmt: skip
def test_the_sentence(label, neighbours, said):
    names = dict(t="tiger", l="leopard", j="jaguar")
    assert vote(label, [names[letter] for letter in neighbours]) == said


def test_the_card_shows_eight_and_says_which_labels_agree(session):
    card = WhyCard(session)
    session.only_suspects = False
    session.drop([name(session, 21)])
    session.current = name(session, 20)
    html = Reader(card._html.value)
    near = [image["alt"] for image in html.images if "Look-alike" in image["alt"]]
    assert len(near) == 8 and len(html.images) == 9
    assert sum("labelled cheetah, same label" in alt for alt in near) == 2
    assert sum("other label" in alt for alt in near) == 6
    assert html.text.count("same label") == 2 and html.text.count("other label") == 6
    assert html.text.count("dropped") == 1
    assert why.card(session, session.current)["vote"] in html.text


def test_a_certainty_is_told_from_another_and_none_is_claimed_where_nothing_was_learned():
    known = dict(
        label="cat", suggested="dog", kind="wrong", probs={}, loss_share=None, score=1.0,
        opinions=[],
    )  # fmt: skip
    said = [reason(p_wrong=p, **known) for p in (0.97, 0.9991, 0.99937)]
    assert "probability of 97 %." in said[0] and "right in" not in said[0]
    assert "99.91 % (right in 1 of 1,100)." in said[1]
    assert "99.93 % (right in 1 of 1,600)." in said[2]
    doubted = reason(p_wrong=0.97, hardly_learned=True, **known)
    assert "97 %" not in doubted and "cannot be told, since the network has hardly" in doubted


@pytest.mark.parametrize("learned, told", [(0.1, False), (1.0, True)])
def test_the_card_gives_no_number_where_the_network_has_hardly_learned(folder, learned, told):
    facts = json.loads((folder / layout.FACTS).read_text()) | dict(learned=learned)
    (folder / layout.FACTS).write_text(json.dumps(facts))
    session = ReviewSession(folder, reviewer="ann")
    known = why.card(session, session.current)
    assert ("with a probability of" in known["reason"]) == told
    assert ("cannot be told" in known["reason"]) != told
    assert "mean loss above average" in {vote["title"] for vote in known["opinions"]}


@pytest.mark.parametrize("value, side", [(2.0, "against its label"), (-0.5, "for its label")])
def test_the_reason_says_what_the_look_alikes_say(value, side):
    votes = [Opinion("settled_margin", 1.0, 3, True), Opinion("lookalike_margin", value, 9, False)]
    said = reason(
        label="cat", suggested="dog", p_wrong=0.9, kind="wrong", probs={}, loss_share=None,
        score=1.0,
        opinions=votes,
    )  # fmt: skip
    assert f"what the network predicts for its look-alikes speaks {side}" in said
    assert "look-alikes" not in reason(
        label="cat", suggested="dog", p_wrong=0.9, kind="wrong", probs={}, loss_share=None,
        score=1.0,
        opinions=votes[:1],
    )  # fmt: skip


@pytest.mark.parametrize(
    "value, score, common, rare",
    [
        (0.4, 2.0, True, False),
        (0.3, 2.0, False, False),
        (-0.3, 2.0, False, False),
        (-1.0, 2.0, False, True),
        (0.4, -1.0, False, False),  # the pictures speak for the label: confusions have no say
        (0.4, None, False, False),
    ],
)
def test_the_reason_names_common_and_rare_mix_ups_that_count(value, score, common, rare):
    sentence = reason(
        label="cat", suggested="dog", p_wrong=0.9, kind="wrong", probs={}, loss_share=None,
        score=score, opinions=[], swap_odds=value,
    )  # fmt: skip
    assert ('"dog" labelled "cat" is a common confusion here' in sentence) == common
    assert ('"dog" labelled "cat" is a rare confusion here' in sentence) == rare


@pytest.fixture
def two_eyes(tmp_path):
    """To the second eye only the first 4 of the 8 samples that the first finds wrong look so."""
    folder = write_audit(tmp_path / "two", eyes=("lite0",))
    return ReviewSession(folder, reviewer="ann")


def test_the_card_says_which_eyes_speak_against_the_label(two_eyes):
    both = why.card(two_eyes, name(two_eyes, 1))  # a jaguar that looks like the next class
    assert both["verdict"] == "both eyes"
    assert "both eyes speak against the label" in both["reason"]
    one = why.card(two_eyes, name(two_eyes, 5))
    assert one["verdict"] == "only the network trained here"
    own, lite0 = one["eyes"]
    assert (own["name"], own["title"]) == ("network trained here", "a small ResNet")
    assert (own["seen_as"], own["side"]) == ("leopard", "against") and own["score"] > 0
    assert (lite0["name"], lite0["seen_as"], lite0["side"]) == ("lite0", "jaguar", "for")
    row = two_eyes.scores.loc[name(two_eyes, 5)]
    assert (own["score"], lite0["score"]) == (row["score_network"], row["score_lite0"])
    assert why.card(two_eyes, name(two_eyes, 20))["verdict"] == "none"


def test_the_panel_shows_what_each_eye_says(two_eyes):
    card = WhyCard(two_eyes)
    two_eyes.current = name(two_eyes, 5)
    text = " ".join(Reader(card._html.value).text)
    assert "Against the label: only the network trained here" in text
    own, lite0 = why.card(two_eyes, two_eyes.current)["eyes"]
    assert f"network trained here leopard +{own['score']:.1f} against" in text
    assert f"lite0 jaguar −{-lite0['score']:.1f} for" in text


def test_an_eye_that_has_not_seen_the_sample_is_said_to_have_not(folder):
    trained = Audit.open(folder)
    scores = trained.scores.assign(score_a=1.0, seen_as_a="tiger", score_b=np.nan, seen_as_b="?")
    scores.to_parquet(folder / layout.SCORES)
    session = ReviewSession(folder, reviewer="ann")
    known = why.card(session, session.current)
    assert known["verdict"] == "the only one that has seen it"
    assert [eye["seen_as"] for eye in known["eyes"]] == ["tiger", None]
    html = " ".join(Reader(WhyCard(session)._html.value).text)
    assert "b – has not seen it" in html and "?" not in html


def test_with_one_eye_nothing_is_said_of_eyes(session):
    known = why.card(session, session.current)
    assert known["eyes"] == [] and known["verdict"] == "" and "eye" not in known["reason"]
    text = " ".join(Reader(WhyCard(session)._html.value).text)
    assert "Against the label" not in text and "eye" not in text


def test_names_of_eyes_are_text(tmp_path):
    folder = write_audit(tmp_path / "audit", eyes=(HOSTILE.replace("/", ""),))
    session = ReviewSession(folder, reviewer="ann")
    html = Reader(WhyCard(session)._html.value)
    assert html.events == [] and "script" not in html.tags
