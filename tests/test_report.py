"""The report: complete, self-contained, and safe against any name."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from o2u_nb.audit import Audit
from o2u_nb.data.samples import Checked, problems_table
from o2u_nb.detect.evidence import Evidence
from o2u_nb.detect.findings import Findings
from o2u_nb.detect.threshold import Estimate
from o2u_nb.errors import OutputError
from o2u_nb.report import figure_json, render, write_report
from o2u_nb.review import certificate_text as words
from o2u_nb.review.certificate import measured
from o2u_nb.review.certified import certified
from o2u_nb.review.certifying import Certification
from o2u_nb.review.statement import rounded_down
from o2u_nb.review.summary import Reviewed, reviewed
from tests.audits import eye_facts, write_audit
from tests.pages import HOSTILE, numbered
from tests.traces import random_trace

FACTS = dict(
    source="pets", preset="quick", seed=4, seconds=90,
    created="2026-11-21T10:00:00+00:00", versions=dict(torch="2.15.0"),
)  # fmt: skip


class Outline(HTMLParser):
    """Collect text, addresses and event handlers outside of scripts."""

    def __init__(self, html):
        super().__init__()
        self.text, self.addresses, self.events, self.ids, self.inside = [], [], [], [], ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.inside = tag
        for name, value in attrs:
            self.events += [value] if name.startswith("on") else []
            self.addresses += [value] if name in ("src", "href") else []
            self.ids += [value] if name == "id" else []

    def handle_endtag(self, tag):
        self.inside = ""

    def handle_data(self, data):
        if self.inside not in ("script", "style"):
            self.text.append(data)


def parts(name="cat", n=60, problems=(), **findings):
    """The three arguments of `render`; `findings` are changes to what was found."""
    trace = random_trace(n=n, wrong=12)
    labels = (name, f"{name} too", "z")
    samples, _ = numbered(n=n, labels=labels, ids=[f"{name}{i}" for i in range(n)])
    trace = replace(trace, ids=pd.Index(samples.index, name="sample_id"), classes=list(labels))
    found = replace(Findings.of(Evidence(trace)), **findings)
    return found, Checked(samples, problems_table(problems)), FACTS


@pytest.fixture(scope="module")
def page():
    problems = [("a.png", "zero-byte file", "0 bytes", "left out: empty")] * 3
    estimate = Estimate(12, 9, 15, np.zeros(60))
    return render(*parts(problems=problems, estimate=estimate))


def test_report_says_what_was_found(page):
    text = " ".join(" ".join(Outline(page).text).split())
    for said in (
        *("12 labels look wrong", "likely 9 to 15", "pets", "21 November 2026", "1.5 min"),
        *("zero-byte file", "left out: empty", "torch 2.15.0", "Hard is not wrong"),
    ):
        assert said in text
    figures = {"trajectories", "mean", "variance", "scatter", "confusion"}
    assert figures <= set(Outline(page).ids)


def test_report_compares_the_estimators():
    table = pd.DataFrame(
        {
            "count": [1204.4, 2000.0, float("nan")],
            "rate": [0.12044, 0.2, float("nan")],
            "note": ["Sure.", "Counts <hard> ones.", "One bell curve."],
        },
        index=pd.Index(["sure_disagreement", "disagreement", "mixture"], name="estimator"),
    )
    text = " ".join(" ".join(Outline(render(*parts(kept_estimators=table))).text).split())
    for said in (
        *(
            "range from 1,204 to 2,000.",
            "contradicted where the network is sure ★ recommended 1,204 12 % Sure.",
        ),
        *(
            "contradicted at all 2,000 20 % Counts <hard> ones.",
            "scores no estimate One bell curve.",
        ),
    ):
        assert said in text
    assert text.count("★") == 1
    refused = render(*parts(kept_estimators=table.iloc[2:]))
    assert "range from" not in refused and "nan" not in " ".join(Outline(refused).text)


def test_report_says_how_far_the_eyes_agree():
    found, checked, facts = parts()
    table = found.scores.sort_values("rank")
    against = np.where(np.arange(60) < 5, 1.0, -1.0)
    table = table.assign(
        suspect=np.arange(60) < 10, score_network=1.0, seen_as_network="z",
        score_lite0=against, seen_as_lite0=["z"] * 4 + ["cat"] * 56,
    )  # fmt: skip
    page = render(replace(found, scores=table), checked, facts | eye_facts(("lite0",)))
    text = " ".join(" ".join(Outline(page).text).split())
    for said in (
        "Both eyes speak against the label of 5 of the 10 suspects ( 50 % ), and take 4 of these",
        *(
            "network trained here a small ResNet 10 ( 100 % ) 5",
            "Drawn for the first eye, network trained",
        ),
        "lite0 a head on features of lite0 5 ( 50 % ) 0",
    ):
        assert said in text
    without = table.assign(suspect=False)
    assert "What the eyes say" not in render(replace(found, scores=without), checked, facts)
    hostile = eye_facts((HOSTILE,))
    hostile["eyes"][1]["name"] = "lite0"  # its title still holds what would do harm
    assert Outline(render(replace(found, scores=table), checked, hostile)).events == []


def test_with_one_eye_the_report_says_nothing_of_eyes(page):
    text = " ".join(Outline(page).text)
    assert "eye" not in text


def test_every_figure_is_a_picture_without_scripts_and_stands_before_them(page):
    body = page.split("<script")[0]
    assert body.count('<div class="still"><svg') == 5 == body.count('class="live"')
    for said in ("loss (nats)", "cyclic phase", "samples", "variance of the loss (nats²)"):
        assert said in body
    assert "nan" not in "".join(part.split("</svg>")[0] for part in body.split("<svg")[1:])


@pytest.mark.parametrize(
    "learned, doubts, said",
    [
        (1.0, [], "12 labels look wrong"),
        (0.8, ["Careful."], "5 to 40 labels look wrong; about 12 by a doubtful estimate"),
        (0.2, ["Careful."], "cannot be told how many labels are wrong: anything from 5 to 40;"),
    ],
)
def test_what_is_doubted_is_not_told_as_if_it_were_known(learned, doubts, said):
    estimate = Estimate(12, 5, 40, np.zeros(60), learned)
    text = " ".join(
        " ".join(Outline(render(*parts(estimate=estimate, doubts=doubts))).text).split()
    )
    assert said in text
    assert ("here that is shifted towards what is usual" in text) == (learned < 1)


def test_decisions_are_told_with_the_measured_precision():
    pairs = [dict(given="cat", new=HOSTILE, count=7)]
    counts = dict(keep=2, relabel=7, drop=1, unsure=0)
    reviewed = Reviewed(counts, pairs, measured(8, 10), remaining=2, reviewers=["ann", HOSTILE])
    outline = Outline(render(*parts(), reviewed))
    text = " ".join(" ".join(outline.text).split())
    assert "2 kept, 7 changed, 1 dropped. 2 suspects are not decided yet. Decided by ann" in text
    assert "80 % of the 10 decided suspects had a wrong label." in text
    assert "49 % to 94 % of all suspects are wrong" in text
    assert outline.events == []
    assert "What was decided" not in render(*parts())


def test_certainties_are_told_apart_among_the_top():
    found, checked, facts = parts()
    top = 1 - np.logspace(-3.1, -4.9, 60)
    table = found.scores.assign(p_wrong=top, suspect=True)
    page = render(replace(found, scores=table), checked, facts)
    said = re.findall(r"wrong: <span[^>]*>([^<]*)</span> · <span", page)
    assert len(said) > 24 and len(set(said[:24])) > 6  # all of them said 99.9 %


def test_an_audit_writes_its_report_anew_with_what_was_decided(tmp_path):
    folder = write_audit(tmp_path / "audit", images=tmp_path / "images")
    audit = Audit.open(folder)
    assert reviewed(audit) is None
    plain = audit.write_report()
    assert plain == folder / "report.html" and "What was decided" not in plain.read_text()
    session = audit.session(reviewer="ann")
    top = list(session.scores.index[:8])
    session.relabel(None, top[:5])
    session.drop(top[5:6])
    session.keep(top[6:7])
    session.keep(list(session.scores.index[20:22]))  # no suspects: they measure no precision
    found = reviewed(audit)
    assert found.counts == dict(keep=3, relabel=5, drop=1, unsure=0)
    assert (found.remaining, found.measured.decided, found.reviewers) == (1, 7, ["ann"])
    assert sum(pair["count"] for pair in found.pairs) == 5
    assert "3 kept, 5 changed, 1 dropped" in audit.write_report().read_text()


def test_report_needs_nothing_else(page):
    outline = Outline(page)
    assert all(address.startswith("data:image/") for address in outline.addresses)
    assert "default-src 'none'" in page
    assert page.count("<script") == 2  # plotly once, and the figures


def test_missing_facts_are_said_to_be_missing():
    found, checked, _ = parts()
    text = " ".join(Outline(render(found, checked, {})).text)
    assert "not recorded" in text and "problem" in text


def test_warnings_are_shown():
    page = render(*parts(doubts=["The <network> did not learn."]))
    text = " ".join(" ".join(Outline(page).text).split())
    assert "Careful. The <network> did not learn." in text


def test_no_suspects_is_a_report_too():
    found, checked, facts = parts()
    found = replace(found, scores=found.scores.assign(suspect=False))
    assert "No suspects" in render(found, checked, facts)


def test_figures_cannot_end_their_script():
    import plotly.graph_objects as go

    text = figure_json(go.Figure(layout_title_text="</script><script>alert(1)</script>&"))
    assert "<" not in text and ">" not in text and "&" not in text


@pytest.mark.parametrize(
    "name", [HOSTILE, "نمر", "\U0001f406", "x" * 300, "</script>", "{{ 7*7 }}"]
)
def test_any_name_is_only_text(name):
    problems = [(name, name, name, name)]
    page = render(*parts(name, problems=problems))
    outline = Outline(page)
    assert outline.events == [] and page.count("<script") == 2
    assert all(address.startswith("data:image/") for address in outline.addresses)
    assert name[:40].strip() in "".join(outline.text)  # shown as it is, never evaluated


def test_writing_is_whole_or_not_at_all(tmp_path, monkeypatch):
    from o2u_nb.data import atomic

    path = write_report(tmp_path / "report.html", *parts())
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic.os, "replace", full)
    with pytest.raises(OutputError, match="No space left"):
        write_report(path, *parts(n=30))
    assert path.read_bytes() == before and [p.name for p in tmp_path.iterdir()] == ["report.html"]


@pytest.mark.browser
@pytest.mark.parametrize(("scheme", "width"), [("light", 400), ("light", 2500), ("dark", 1000)])
def test_report_in_a_browser_without_network(tmp_path, chromium, artefacts, scheme, width):
    path = write_report(tmp_path / "report.html", *parts(HOSTILE))
    size = {"width": width, "height": 900}
    page = chromium.new_page(viewport=size, color_scheme=scheme, offline=True)
    requests, complaints = [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: complaints.append(dialog.message))
    page.goto(path.as_uri())
    page.wait_for_function("document.querySelectorAll('.js-plotly-plot').length === 5")
    assert complaints == []
    assert {url.split(":")[0] for url in requests} <= {"file", "data", "blob"}
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    widths = page.locator("img").evaluate_all("all => all.map(img => img.naturalWidth)")
    assert widths and all(widths)
    page.screenshot(path=artefacts / f"report-{scheme}-{width}.png")
    page.close()


# Each word of a picture lies inside it; the pictures lie inside the page.
CUT = """() => [...document.querySelectorAll('.still svg')].flatMap(svg => {
  const box = svg.getBoundingClientRect();
  return [...svg.querySelectorAll('text')].filter(text => {
    const { left, right, top, bottom } = text.getBoundingClientRect();
    return left < box.left - 1 || right > box.right + 1 || top < box.top - 1
      || bottom > box.bottom + 1;
  }).map(text => text.textContent);
})"""
LUMINANCE = """selector => {
  const { color, backgroundColor } = getComputedStyle(document.querySelector(selector));
  const light = css => css.match(/[\\d.]+/g).slice(0, 3).reduce((sum, n) => sum + Number(n), 0) / 3;
  return [light(color), light(backgroundColor)];
}"""


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 420])
def test_without_scripts_all_figures_are_there(tmp_path, chromium, artefacts, scheme, width):
    path = write_report(tmp_path / "report.html", *parts(HOSTILE))
    size = {"width": width, "height": 900}
    context = chromium.new_context(java_script_enabled=False, viewport=size, color_scheme=scheme)
    page = context.new_page()
    page.goto(path.as_uri())
    figures = page.locator(".still svg")
    assert figures.count() == 5
    for figure in figures.all():
        box = figure.bounding_box()
        assert box["width"] > 300 and box["height"] > 100 and box["x"] + box["width"] <= width
    assert page.evaluate(CUT) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    text, behind = page.evaluate(LUMINANCE, "body")
    assert abs(text - behind) > 150 and (behind < 128) == (scheme == "dark")
    page.screenshot(path=artefacts / f"report-plain-{scheme}-{width}.png", full_page=True)
    context.close()


@pytest.mark.browser
def test_printed_pages_show_the_pictures_on_white_and_nothing_wider_than_the_paper(
    tmp_path, chromium
):
    path = write_report(tmp_path / "report.html", *parts(n=120))
    # the width of A4 without its margins, in CSS pixels
    page = chromium.new_page(viewport={"width": 688, "height": 1000}, color_scheme="dark")
    page.goto(path.as_uri())
    page.wait_for_function("document.querySelectorAll('.js-plotly-plot').length === 5")
    assert page.locator(".still:visible").count() == 0
    page.emulate_media(media="print", color_scheme="dark")
    assert (
        page.locator(".still:visible").count() == 5 and page.locator(".live:visible").count() == 0
    )
    assert page.evaluate(CUT) == []
    text, _ = page.evaluate(LUMINANCE, "body")
    assert text < 100  # dark on paper, whatever the screen is
    wide = page.evaluate(
        """() => [...document.querySelectorAll('main *')].filter(node =>
          node.getBoundingClientRect().right > document.documentElement.clientWidth + 1
        ).map(node => node.tagName + '.' + node.className)"""
    )
    assert wide == []
    kept = page.evaluate(
        """() => [...document.querySelectorAll('figure, tr, details, .keep, .card')].filter(node =>
          getComputedStyle(node).breakInside !== 'avoid').length"""
    )
    assert kept == 0
    assert page.pdf(prefer_css_page_size=True, print_background=True).startswith(b"%PDF")
    page.close()


def section(html: str, name: str) -> str:
    """Return the text of one section of a page."""
    found = re.search(rf'<section id="{name}".*?</section>', html, re.DOTALL)
    return " ".join(" ".join(Outline(found[0]).text).split()) if found else ""


def test_the_certificate_stands_in_the_report_for_a_manager(tmp_path):
    audit = Audit.open(write_audit(tmp_path / "a", n=300, n_wrong=20, side=4))
    session = audit.session(reviewer=HOSTILE)
    assert certified(audit) is None
    session.drop(audit.scores.index[:20])
    certification = Certification.of(session)
    drawn = certification.draw(100, seed=1, standard=0.9, per_class=20)
    session.keep(drawn.ids[1:])
    session.drop(drawn.ids[:1])
    found = certification.statement()
    assert certified(audit).statement == found
    page = audit.write_report().read_text(encoding="utf-8")
    text = section(page, "certificate")
    unseen = found.draw.rest - found.sample.looked_at - found.beyond.looked_at
    for said in (
        words.promise(found),
        f"{rounded_down(found.delivered)} of the labels or more were right as delivered",
        "suspects of the ranked review 20 20",
        "random sample of all others 100 1",
        f"nobody has looked at {unseen} at most {found.possible - 1}",
        "tiger: at least",
        "It says nothing about labels outside this data set",
    ):
        assert said in text
    assert Outline(page).events == [] and "<script>alert" not in page


def test_a_report_says_why_there_is_no_certificate(tmp_path):
    audit = Audit.open(write_audit(tmp_path / "a", n=300, n_wrong=20, side=4))
    session = audit.session(reviewer="ann")
    session.keep(audit.scores.index[:20])
    Certification.of(session).draw(50)
    session.undo()
    text = section(audit.write_report().read_text(encoding="utf-8"), "certificate")
    assert "No statement. 20 samples that were decided before the draw" in text


def test_without_a_sample_no_certificate_is_mentioned(page):
    assert section(page, "certificate") == ""
