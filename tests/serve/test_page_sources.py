"""The chat page answers through an index: citations open their passage, and no passage becomes markup."""

import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from bookshelf import ATTACK, SENTENCE
from browser import CHROMIUM, Visit
from live import Live

playwright = pytest.importorskip("playwright.sync_api", reason='playwright is absent: pip install "handspun[test]"')
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason='axe is absent: pip install "handspun[test]"')

if TYPE_CHECKING:
    from playwright.sync_api import Route

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium: apt install chromium, or name it in $CHROMIUM"),
]

OpenPage = Callable[..., Visit]


@pytest.fixture
def open_docs(open_page: OpenPage, reader: Live) -> OpenPage:
    """Visits the server with the index, and chooses it; where `says` says something the model says that."""

    def open_docs(says: str | None = SENTENCE, **settings: Any) -> Visit:
        visit = open_page(reader, **settings)
        if says is not None:
            visit.page.route("**/api/chat", lambda route: made_to_say(route, says))
        visit.page.get_by_label("Index").select_option("docs")
        return visit

    return open_docs


def made_to_say(route: "Route", words: str) -> None:
    """Let a request go on with a format that leaves one reply."""
    body = route.request.post_data_json
    options = {**body["options"], "num_predict": 60}
    route.continue_(post_data=json.dumps({**body, "format": {"const": words}, "options": options}))


def test_a_citation_opens_its_passage_with_the_cited_words_marked(open_docs: OpenPage) -> None:
    visit = open_docs()
    visit.ask("What is a shard?")
    number = visit.page.get_by_role("button", name="Citation 1: shards.md")
    playwright.expect(number).to_have_text("1")
    playwright.expect(visit.page.get_by_text("Not supported by the passages.")).to_have_count(0)
    number.click()
    dialog = visit.page.get_by_role("dialog", name="shards.md")
    playwright.expect(dialog).to_have_accessible_description("Words 📚 > Shards, in docs")
    assert dialog.locator("mark").inner_text() == SENTENCE
    assert "Every corpus is cut." in dialog.get_by_role("region", name="Passage").inner_text()


def test_a_place_that_is_cited_twice_has_one_number(open_docs: OpenPage) -> None:
    visit = open_docs(f"{SENTENCE} {SENTENCE}")
    visit.ask("What is a shard?")
    playwright.expect(visit.page.get_by_role("button", name="Citation 1: shards.md")).to_have_count(2)
    playwright.expect(visit.page.get_by_role("list", name="Citations").get_by_role("listitem")).to_have_count(1)


def test_citations_can_be_used_without_a_pointer(open_docs: OpenPage) -> None:
    visit = open_docs()
    visit.ask("What is a shard?")
    number, dialog = visit.page.get_by_role("button", name="Citation 1: shards.md"), visit.page.get_by_role("dialog")
    for _ in range(20):
        visit.page.keyboard.press("Shift+Tab")
        if number.evaluate("(number) => number === document.activeElement"):
            break
    visit.page.keyboard.press("Enter")
    playwright.expect(dialog).to_be_visible()
    visit.page.keyboard.press("Tab")
    playwright.expect(dialog.get_by_role("region", name="Passage")).to_be_focused()
    visit.page.keyboard.press("Escape")
    playwright.expect(dialog).to_be_hidden()
    playwright.expect(number).to_be_focused()


def test_what_was_sent_is_told_with_its_tokens_and_can_be_read(open_docs: OpenPage) -> None:
    visit = open_docs()
    visit.ask("What is a shard?")
    visit.page.get_by_text("Was sent: 1 passage").click()
    sent = visit.page.locator(".sources details")
    playwright.expect(sent).to_contain_text(re.compile(r"Was sent: 1 passage \d+ tokens.*shards\.md", re.DOTALL))
    sent.get_by_role("button").click()
    playwright.expect(visit.page.get_by_role("dialog", name="shards.md")).to_contain_text("It has a name.")


def test_what_no_passage_says_is_said_to_be_unsupported(open_docs: OpenPage) -> None:
    visit = open_docs(says="Gold is heavy.")
    visit.ask("What is a shard?")
    playwright.expect(visit.page.locator(".sources .ending")).to_have_text("Not supported by the passages.")
    playwright.expect(visit.page.get_by_role("status")).to_contain_text("Not supported by the passages.")
    playwright.expect(visit.page.get_by_role("button", name=re.compile("Citation"))).to_have_count(0)


def test_where_nothing_is_found_it_is_not_known(open_docs: OpenPage) -> None:
    visit = open_docs(says=None)
    assert visit.ask("Zebras?") == "I do not know."
    playwright.expect(visit.page.locator(".sources .ending")).to_contain_text("Nothing that was found in docs answers this.")
    playwright.expect(visit.page.locator(".sources details")).to_have_count(0)


def test_a_passage_is_text_and_nothing_else(open_docs: OpenPage) -> None:
    visit = open_docs(says="nothing else")
    visit.ask("What is a token?")
    visit.page.get_by_text("Was sent:").click()
    visit.page.locator(".sources details").get_by_role("button", name="attack.txt").first.click()
    words = visit.page.get_by_role("region", name="Passage")
    playwright.expect(words).to_contain_text(ATTACK.split("\n")[0])
    assert words.locator("img, b, h1").count() == 0
    assert visit.page.title() != "owned"


def test_sources_stay_with_the_conversation_and_what_cannot_be_read_of_them_is_left_out(open_docs: OpenPage) -> None:
    visit = open_docs()
    visit.ask("What is a shard?")
    visit.open()
    number = visit.page.get_by_role("button", name="Citation 1: shards.md")
    playwright.expect(number).to_be_visible()
    assert visit.page.get_by_label("Index").input_value() == "docs"
    visit.page.evaluate("""() => {
        const key = Object.keys(localStorage).find((key) => key.startsWith("handspun.conversation."));
        const kept = JSON.parse(localStorage.getItem(key));
        kept.turns[1].reading.citations = [{ source: "<b>" }];
        localStorage.setItem(key, JSON.stringify(kept));
    }""")
    visit.open()
    playwright.expect(visit.replies).to_contain_text("A shard holds words")
    playwright.expect(visit.page.locator(".sources")).to_have_count(0)


def test_a_passage_that_is_gone_is_missed_in_a_sentence(open_docs: OpenPage) -> None:
    visit = open_docs()
    visit.ask("What is a shard?")
    visit.may_fail = True
    gone = json.dumps({"error": 'index "docs" has no passage 0; its source may have changed since: ask again.'})
    visit.page.route("**/api/indexes/docs/passages/*", lambda route: route.fulfill(status=404, body=gone))
    visit.page.get_by_role("button", name="Citation 1: shards.md").click()
    playwright.expect(visit.page.get_by_role("dialog")).to_contain_text("its source may have changed since: ask again.")


def test_without_an_index_there_is_none_to_choose(live: Live, open_page: OpenPage) -> None:
    visit = open_page(live)
    playwright.expect(visit.page.get_by_label("Index")).to_be_hidden()
    visit.ask("What is a shard?")
    playwright.expect(visit.page.locator(".sources")).to_have_count(0)


def test_models_are_listed_once_and_indexes_beside_them(open_docs: OpenPage) -> None:
    visit = open_docs(says=None)
    assert visit.page.locator("#model option").all_inner_texts() == ["tiny"]
    assert visit.page.locator("#index option").all_inner_texts() == ["no index", "docs"]


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1440])
def test_axe_finds_no_violation_and_nothing_reaches_beyond_the_window(
    width: int, color_scheme: str, open_docs: OpenPage
) -> None:
    visit = open_docs(width=width, color_scheme=color_scheme, bypass_csp=True)
    visit.ask("What is a shard?")
    visit.page.get_by_text("Was sent: 1 passage").click()

    def check() -> None:
        found = axe.Axe().run(visit.page, options={"resultTypes": ["violations"]})
        assert found.violations_count == 0, found.generate_report()
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
        parts = "[...document.querySelectorAll('.bar, .picker, #index, .sources, .sources *, dialog[open], dialog[open] *')]"
        sides = visit.page.evaluate(f"{parts}.map((part) => part.getBoundingClientRect()).map((box) => [box.left, box.right])")
        assert all(0 <= left <= right <= width for left, right in sides)

    check()
    visit.page.get_by_role("button", name="Citation 1: shards.md").click()
    check()
