"""The pages in a real browser: phone and desktop, light and dark, without scripts, by keyboard, on paper."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING, Final

import pytest

from otel_clinical.report.words import STATES
from otel_clinical.rollback import DATABASE
from otel_clinical.rollback.links import Links
from otel_clinical.rollback.page import page_key
from tests.rollback._controller import TOKEN
from tests.rollback_page._browser import DESKTOP, PHONE, Browser, axe_source

if TYPE_CHECKING:
    from pathlib import Path

    from tests.rollback_page._scene import Scene

FORMS: Final = [(size, dark) for size in (PHONE, DESKTOP) for dark in (False, True)]
PAGES: Final = (
    "/",
    "/incidents",
    "/incidents/{undecided}",
    "/incidents/{held}",
    "/releases",
    "/audit",
    "/a/{token}",
    "/login?next=/",
)
_AXE: Final = (
    "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})"
    ".then(r => ({passes: r.passes.length, bad: r.violations.map(v => v.id + ': ' + v.nodes[0].html)}))"
)


def address(night: Scene, page: str) -> str:
    token = Links(page_key(night.controller.folder / "state")).make(night.undecided, "first_line", time.time())
    return night.url + page.format(undecided=night.undecided, held=night.held, token=token)


def log_in(browser: Browser, night: Scene, page: str = "/") -> None:
    """Fill in the login form as a person does."""
    browser.forget()
    browser.open(night.url + page)
    assert browser.evaluate("location.pathname") == "/login"
    browser.evaluate("document.getElementById('name').focus()")
    browser.type("Ana Ruiz")
    browser.press("Tab")
    browser.type(TOKEN)
    browser.press("Enter")
    browser.wait_event("Page.loadEventFired")


def violations(browser: Browser) -> list[str]:
    browser.evaluate(axe_source().read_text(encoding="utf-8") + ";0")
    told = browser.evaluate(_AXE)
    assert told["passes"] > 5, "the rules were not applied"
    return list(told["bad"])


@pytest.mark.parametrize("page", PAGES)
def test_no_accessibility_rule_is_broken_in_any_form_and_nothing_is_cut_off(
    browser: Browser, night: Scene, page: str
) -> None:
    log_in(browser, night) if page not in PAGES[-2:] else browser.forget()
    for size, dark in FORMS:
        browser.look(size, dark=dark)
        browser.open(address(night, page))
        assert violations(browser) == [], (size, dark)
        assert browser.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{page} is wider than {size}"
        assert browser.complaints() == []
        ground = browser.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (ground == "rgb(255, 255, 255)") is not dark


def test_every_state_of_an_incident_is_a_page_that_says_what_the_machine_does_and_what_to_do(
    browser: Browser, own_night: Scene
) -> None:
    log_in(browser, own_night)
    browser.look(PHONE, dark=True)
    database = own_night.controller.folder / "state" / DATABASE
    for state in STATES:
        # Nothing looks at a source that is held any more: what is written here stays.
        with closing(sqlite3.connect(database, timeout=30)) as connection, connection:
            change = "UPDATE incidents SET data = json_set(data, '$.state', ?, '$.act_at', ?) WHERE id = ?"
            connection.execute(change, (state, time.time() + 60, own_night.held))
        browser.open(address(own_night, "/incidents/{held}"))
        assert violations(browser) == [], state
        assert browser.evaluate("document.documentElement.scrollWidth <= innerWidth"), state
        shown = browser.evaluate("document.body.innerText")
        assert STATES[state] in shown
        steps = browser.evaluate("document.getElementById('now').parentElement.querySelectorAll('li').length")
        assert steps >= 2 or state == "healthy", f"{state}: nothing is said but the runbook"
        assert ("Nothing has to be done at once" in shown) == (state in {"stale", "healthy"})


def test_the_rules_find_what_is_wrong(browser: Browser, night: Scene) -> None:
    browser.look(PHONE, dark=False)
    browser.forget()
    browser.open(night.url + "/login")
    browser.evaluate("document.querySelector('label').remove(); document.documentElement.removeAttribute('lang')")
    assert {found.partition(":")[0] for found in violations(browser)} >= {"html-has-lang", "label"}


def test_the_pages_ask_nobody_else_for_anything(browser: Browser, night: Scene) -> None:
    log_in(browser, night)
    for page in PAGES[:-2]:
        browser.open(address(night, page))
        assert {url.split("/")[2] for url in browser.requested()} == {night.url.removeprefix("http://")}


def test_everything_can_be_read_without_scripts(browser: Browser, night: Scene) -> None:
    log_in(browser, night)
    browser.without_scripts()
    try:
        browser.open(address(night, "/incidents/{undecided}"))
    finally:
        browser.without_scripts(yes=False)
    shown = browser.evaluate("document.body.innerText")
    for words in ("dropped by 25%", "Will do", "baseline", "✗ fail", "Nobody has acknowledged"):
        assert words in shown
    assert browser.evaluate("document.querySelectorAll('.plot path.drop').length") >= 1
    assert browser.evaluate("document.scripts.length") == 0


def test_the_plot_shows_baseline_tiers_change_point_and_bounds_in_words_as_well(browser: Browser, night: Scene) -> None:
    log_in(browser, night)
    browser.open(address(night, "/incidents/{undecided}"))
    words = browser.evaluate("[...document.querySelectorAll('.plot text')].map(t => t.textContent)")
    assert {"baseline 92 %", "tier 1: 5 %", "tier 2: 10 %", "tier 3: 15 %", "change point", "alert heard"} <= set(words)
    assert browser.evaluate("document.querySelectorAll('.plot path.band').length") == 1
    inside = (
        "(() => { const p = document.querySelector('.plot').getBoundingClientRect();"
        " return [...document.querySelectorAll('.plot text')].every(t => { const b = t.getBoundingClientRect();"
        " return b.left >= p.left && b.right <= p.right && b.top >= p.top && b.bottom <= p.bottom; }) })()"
    )
    overlaps = (
        "(() => { const all = [...document.querySelectorAll('.plot text')].map(t => [t.textContent, t.getBBox()]);"
        " return all.flatMap(([a, p], i) => all.slice(i + 1).filter(([b, q]) => p.x < q.x + q.width - 1 &&"
        " q.x < p.x + p.width - 1 && p.y < q.y + q.height - 4 && q.y < p.y + p.height - 4).map(([b]) => [a, b])) })()"
    )
    assert browser.evaluate(overlaps) == []
    for size in (PHONE, DESKTOP):
        browser.look(size, dark=False)
        assert browser.evaluate(inside), f"a word of the plot is cut off at {size}"
    assert "beyond the line of tier 3" in browser.evaluate("document.querySelector('.plot title').textContent")


def test_a_person_logs_in_and_acknowledges_with_the_keyboard_alone(browser: Browser, own_night: Scene) -> None:
    browser.look(PHONE, dark=True)
    log_in(browser, own_night, f"/incidents/{own_night.undecided}")
    assert browser.evaluate("location.pathname") == f"/incidents/{own_night.undecided}"
    reached = []
    for _ in range(40):
        browser.press("Tab")
        here = browser.evaluate("[document.activeElement.tagName, document.activeElement.textContent.trim()]")
        outline = browser.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none", f"nobody sees that {here} has the focus"
        reached.append(here[1])
        if here == ["BUTTON", "Acknowledge"]:
            break
    assert reached[0] == "Skip to the content"
    assert reached[-1] == "Acknowledge", f"the button cannot be reached: {reached}"
    browser.press("Enter")
    browser.wait_event("Page.loadEventFired")
    assert "acknowledged it: I am looking into it" in browser.evaluate(
        "document.getElementById('people').nextElementSibling.innerText"
    )
    found = own_night.controller.get(f"/v1/incidents/{own_night.undecided}")
    assert [e["actor"] for e in found["events"] if e["action"] == "person.acknowledge"] == ["Ana Ruiz"]


def test_the_session_is_out_of_reach_of_scripts_and_of_other_sites(browser: Browser, night: Scene) -> None:
    log_in(browser, night)
    (cookie,) = browser.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    assert browser.evaluate("document.cookie") == ""


def test_a_link_in_a_mail_does_not_ask_for_a_second_login(browser: Browser, night: Scene) -> None:
    log_in(browser, night)
    here = address(night, "/incidents/{undecided}")
    # A page of another site, as a mail program in the browser is: its links come without a strict cookie.
    browser.open(f"data:text/html,<a id=go href={here}>incident</a>")
    browser.evaluate("document.getElementById('go').click()")
    browser.wait_event("Page.loadEventFired")
    browser.wait_event("Page.loadEventFired")
    assert browser.evaluate("location.href") == here
    assert "dropped by 25%" in browser.evaluate("document.body.innerText")


def test_an_incident_prints_on_paper_without_menus_and_forms(browser: Browser, night: Scene) -> None:
    log_in(browser, night)
    browser.look(DESKTOP, dark=True)
    browser.open(address(night, "/incidents/{undecided}"))
    assert browser.printed().startswith(b"%PDF")
    browser.call("Emulation.setEmulatedMedia", media="print", features=[])
    hidden = "['.bar', '.act'].every(c => getComputedStyle(document.querySelector(c)).display === 'none')"
    assert browser.evaluate(hidden)
    # What passed is folded on the screen; paper cannot be opened.
    printed = "document.querySelector('details table').checkVisibility({contentVisibilityAuto: true})"
    assert browser.evaluate(printed)
    browser.call("Emulation.setEmulatedMedia", media="", features=[])


def test_the_report_for_the_safety_officer_holds_the_plot_and_fits_a_phone(
    browser: Browser, night: Scene, tmp_path: Path
) -> None:
    with night.visit() as client:
        (tmp_path / "report.html").write_text(client.get(f"/incidents/{night.undecided}/report.html").text)
    for size in (PHONE, DESKTOP):
        browser.look(size, dark=False)
        browser.open(f"file://{tmp_path / 'report.html'}")
        assert violations(browser) == [], size
        assert browser.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"wider than {size}"
    assert browser.evaluate("document.querySelectorAll('.plot path.drop').length") >= 1
    assert "Policy in force" in browser.evaluate("document.body.innerText")
