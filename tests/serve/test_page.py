"""The chat page at `/`, in a browser, with a model that was trained."""

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from browser import CHROMIUM, Visit
from live import Live, start

from handspun.generate.engine import Engine
from handspun.generate.torch_engine import TorchEngine
from handspun.runs import Run
from handspun.serve import models as serve_models
from handspun.serve.allowed import Allowed
from handspun.serve.config import ServeConfig
from handspun.serve.library import Library
from handspun.serve.models import Models

playwright = pytest.importorskip("playwright.sync_api", reason='playwright is absent: pip install "handspun[test]"')
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason='axe is absent: pip install "handspun[test]"')

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Request

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium: apt install chromium, or name it in $CHROMIUM"),
]

OpenPage = Callable[..., Visit]
Gated = Callable[[float], Live]

STEP_S = 0.15
"""How long a token of a slow model takes."""
PASSAGE = "A shard holds words."


@pytest.fixture
def visit(live: Live, open_page: OpenPage) -> Visit:
    return open_page(live)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every token takes its time."""
    step = TorchEngine.step

    def slow_step(engine: TorchEngine) -> Any:
        time.sleep(STEP_S)
        return step(engine)

    monkeypatch.setattr(TorchEngine, "step", slow_step)


@pytest.fixture
def gated(serve: Callable[..., Live], monkeypatch: pytest.MonkeyPatch) -> Gated:
    """Starts a server whose model's gate has this bias: far below 0 its copy head decides every token, far above it none."""
    load = serve_models.open_engine

    def gated(bias: float) -> Live:
        def load_gated(folder: Path, *how: Any) -> TorchEngine:
            engine = load(folder, *how)
            assert isinstance(engine, TorchEngine) and engine.model.copy_head is not None
            engine.model.copy_head.gate.bias.data.fill_(bias)
            return engine

        monkeypatch.setattr(serve_models, "open_engine", load_gated)
        return serve()

    return gated


def n_asking(server: Live) -> int:
    """How many requests use the model, as the server counts them."""
    with server.client as client:
        return sum(
            int(float(n)) for n in re.findall(r"^handspun_model_requests\{.*\} (\S+)$", client.get("/metrics").text, re.M)
        )


def eventually(holds: Callable[[], bool], within_s: float = 10) -> bool:
    """Whether something comes true."""
    deadline = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def questions(visit: Visit) -> list[dict[str, Any]]:
    """What the page asks the server from now on."""
    asked: list[dict[str, Any]] = []

    def note(request: "Request") -> None:
        if request.url.endswith("/api/chat"):
            asked.append(request.post_data_json)

    visit.page.on("request", note)
    return asked


def test_a_reply_is_shown_while_it_is_written(slow: None, visit: Visit) -> None:
    visit.send("What is a shard?")
    reply = visit.page.locator(".assistant")
    playwright.expect(visit.replies).not_to_be_empty()
    playwright.expect(reply).to_have_attribute("aria-busy", "true")
    begun = visit.replies.inner_text()
    assert begun and len(visit.whole_reply()) > len(begun)
    playwright.expect(reply).not_to_have_attribute("aria-busy", "true")
    playwright.expect(reply).to_contain_text(re.compile(r"\d+ tokens[\d.]+ tokens/sfirst after \d\.\d\d s"))


def test_a_finished_reply_is_said_aloud_once(visit: Visit) -> None:
    said = visit.ask("What is a shard?")
    aloud = visit.page.get_by_role("status")
    playwright.expect(aloud).to_contain_text(said.strip()[:20])
    assert aloud.get_attribute("aria-live") == "polite"
    assert visit.page.locator("[aria-live]").count() == 1


@pytest.mark.parametrize("way", ["button", "key"])
def test_stopping_a_reply_ends_it_on_the_server(way: str, slow: None, live: Live, visit: Visit) -> None:
    visit.set(num_predict="100", temperature="1.5", seed="1")
    visit.send("What is a shard?")
    playwright.expect(visit.replies).not_to_be_empty()
    assert n_asking(live) == 1
    if way == "button":
        visit.page.get_by_role("button", name="Stop").click()
    else:
        visit.page.keyboard.press("Escape")
    playwright.expect(visit.page.locator(".ending")).to_have_text("Stopped.")
    playwright.expect(visit.page.locator(".failure")).to_have_count(0)
    assert eventually(lambda: n_asking(live) == 0, within_s=20 * STEP_S)
    assert len(visit.replies.inner_text()) < 60
    playwright.expect(visit.page.get_by_role("button", name="Send")).to_be_visible()


def test_a_model_that_is_being_loaded_is_waited_for_by_name(
    serve: Callable[..., Live], open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = serve_models.open_engine

    def load_slowly(*what: Any) -> Engine:
        time.sleep(1)
        return load(*what)

    monkeypatch.setattr(serve_models, "open_engine", load_slowly)
    visit = open_page(serve())
    visit.send("What is a shard?")
    playwright.expect(visit.page.locator(".assistant")).to_have_text("Loading tiny…")
    visit.whole_reply()
    visit.ask("What is a token?")
    playwright.expect(visit.page.get_by_text("Loading tiny…")).to_have_count(0)


def test_a_reply_that_is_cut_short_says_by_which_limit(serve: Callable[..., Live], open_page: OpenPage) -> None:
    server = serve()
    with server.client as client:
        client.post("/api/create", json={"model": "small", "from": "tiny", "parameters": {"num_ctx": 20}})
    visit = open_page(server)
    visit.page.locator("#model").select_option("small:latest")
    visit.set(num_predict="3")
    visit.ask("What is a shard?")
    ending = visit.page.locator(".ending")
    playwright.expect(ending).to_have_text("The reply ended at 3 tokens: Max tokens, which can be set under Sampling.")
    visit.set(num_predict="")
    visit.page.get_by_role("button", name="Regenerate").click()
    visit.whole_reply()
    playwright.expect(ending).to_have_text("The reply ended where the model's context was full, at 20 tokens.")


def test_the_first_of_the_servers_models_is_asked_though_another_is_in_memory(
    serve: Callable[..., Live], open_page: OpenPage
) -> None:
    server = serve()
    with server.client as client:
        client.post("/api/create", json={"model": "zebra", "from": "tiny"})
        client.post("/api/chat", json={"model": "zebra"})
        first = client.get("/api/tags").json()["models"][0]["name"]
    visit = open_page(server)
    playwright.expect(visit.page.locator("#model-facts")).to_contain_text(re.compile(r"F32\d\d\d KB"))
    assert visit.page.locator("#model").input_value() == first == "tiny:latest"


def test_every_example_is_in_sight_on_a_small_telephone(live: Live, open_page: OpenPage) -> None:
    visit = open_page(live, width=320)
    visit.page.set_viewport_size({"width": 320, "height": 568})
    last, foot = visit.page.locator(".example").last.bounding_box(), visit.page.locator(".foot-of-page").bounding_box()
    assert last and foot and last["y"] + last["height"] <= foot["y"]


def test_a_reply_can_be_asked_for_again(visit: Visit) -> None:
    visit.set(temperature="2")
    asked = questions(visit)
    first = visit.ask("What is a shard?")
    visit.page.get_by_role("button", name="Regenerate").click()
    playwright.expect(visit.replies).not_to_have_text(first)
    visit.whole_reply()
    assert visit.replies.count() == 1
    assert asked[0]["messages"] == asked[1]["messages"] == [{"role": "user", "content": "What is a shard?"}]


def test_a_message_that_is_changed_is_gone_on_from(visit: Visit) -> None:
    visit.ask("What is a shard?")
    visit.ask("And a token?")
    asked = questions(visit)
    visit.page.get_by_role("button", name="Edit").first.click()
    visit.page.locator(".edit textarea").fill("What is a step?")
    visit.page.keyboard.press("Enter")
    visit.whole_reply()
    assert visit.page.locator(".bubble").all_inner_texts() == ["What is a step?"]
    assert visit.replies.count() == 1
    assert asked[0]["messages"] == [{"role": "user", "content": "What is a step?"}]


def test_a_change_that_is_left_changes_nothing(visit: Visit) -> None:
    visit.ask("What is a shard?")
    asked = questions(visit)
    visit.page.get_by_role("button", name="Edit").click()
    visit.page.locator(".edit textarea").fill("What is a step?")
    visit.page.keyboard.press("Escape")
    assert visit.page.locator(".bubble").inner_text() == "What is a shard?"
    assert asked == []


def test_the_conversation_goes_on_after_a_reload(visit: Visit) -> None:
    said = visit.ask("What is a shard?")
    visit.open()
    assert visit.page.locator(".bubble").inner_text() == "What is a shard?"
    assert visit.replies.inner_text() == said
    asked = questions(visit)
    visit.page.locator(".token").first.hover()
    playwright.expect(visit.tip).to_contain_text("%")
    visit.ask("And a token?")
    assert [message["role"] for message in asked[0]["messages"]] == ["user", "assistant", "user"]


def test_conversations_are_named_exported_deleted_and_brought_back(visit: Visit) -> None:
    said = visit.ask("What is a shard?")
    history = visit.page.get_by_role("navigation")
    history.get_by_role("listitem").hover()
    history.get_by_role("button", name="Rename").click()
    visit.page.get_by_label("Name of the conversation").fill("Shards")
    visit.page.keyboard.press("Enter")
    with visit.page.expect_download() as download:
        history.get_by_role("button", name="Export “Shards” as JSON").click()
    assert download.value.suggested_filename == "shards.json"
    turns = json.loads(Path(download.value.path()).read_text(encoding="utf-8"))["turns"]
    assert [turn["content"].strip() for turn in turns] == ["What is a shard?", said.strip()]
    history.get_by_role("button", name="Delete “Shards”").click()
    playwright.expect(history.get_by_role("listitem")).to_have_count(0)
    playwright.expect(visit.page.get_by_role("heading", name="What would you like to ask?")).to_be_visible()
    visit.page.get_by_role("button", name="Undo").click()
    playwright.expect(history.get_by_role("listitem")).to_contain_text("Shards")
    assert visit.replies.inner_text() == said


def test_what_was_kept_and_cannot_be_read_is_left_out(visit: Visit) -> None:
    visit.ask("What is a shard?")
    visit.page.evaluate("""() => {
        const prefix = "handspun.conversation.";
        const of_nobody = { id: "c", title: "", changed: 1, turns: [{ role: "root", content: "" }] };
        localStorage.setItem(prefix + "a", "{not json");
        localStorage.setItem(prefix + "b", JSON.stringify({ id: "b", title: 3, changed: "now", turns: {} }));
        localStorage.setItem(prefix + "c", JSON.stringify(of_nobody));
        localStorage.setItem("handspun.settings", "[1,");
        localStorage.setItem("handspun.theme", "purple");
        localStorage.setItem("handspun.model", "gone");
    }""")
    visit.open()
    playwright.expect(visit.page.get_by_role("navigation").get_by_role("listitem")).to_have_count(1)
    assert visit.ask("And a token?")


def test_the_history_is_bounded_by_number_and_by_room(visit: Visit) -> None:
    visit.page.evaluate("""() => {
        for (let n = 0; n < 130; n++) {
            const turns = [{ role: "user", content: `${n} ` + "x".repeat(36000) }];
            localStorage.setItem(`handspun.conversation.${n}`, JSON.stringify({ id: `${n}`, title: "", changed: n, turns }));
        }
        let filler = "x".repeat(2 ** 20);
        while (filler) {
            try { localStorage.setItem("filler", (localStorage.getItem("filler") ?? "") + filler); }
            catch { filler = filler.slice(0, filler.length >> 1); }
        }
    }""")
    visit.open()
    visit.page.get_by_role("button", name="New conversation").click()
    visit.ask("What is a shard?")
    titles = visit.page.get_by_role("navigation").get_by_role("listitem").all_inner_texts()
    assert titles[0].startswith("What is a shard?") and titles[1].startswith("129 ")
    assert len(titles) <= 100
    visit.open()
    assert visit.page.locator(".bubble").inner_text() == "What is a shard?"


def test_settings_reach_the_server_and_stay(visit: Visit) -> None:
    wanted = {"temperature": 1.25, "top_k": 7, "top_p": 0.8, "min_p": 0.01, "repeat_penalty": 1.1, "num_predict": 5, "seed": 3}
    visit.set(**{name: str(value) for name, value in wanted.items()})
    visit.page.get_by_role("button", name="Sampling").click()
    visit.page.get_by_label("System prompt").fill("Be brief.")
    visit.page.get_by_role("button", name="Close the settings").click()
    visit.open()
    asked = questions(visit)
    first = visit.ask("What is a shard?")
    assert asked[0]["options"] == wanted
    assert asked[0]["messages"][0] == {"role": "system", "content": "Be brief."}
    playwright.expect(visit.page.locator(".figures")).to_contain_text("5 tokens")
    visit.page.get_by_role("button", name="Regenerate").click()
    assert visit.whole_reply() == first, "the same seed says the same"


def test_settings_are_reset_to_what_the_model_has(visit: Visit) -> None:
    visit.set(temperature="1.25")
    visit.page.get_by_role("button", name="Sampling").click()
    visit.page.get_by_role("button", name="Reset all").click()
    assert visit.page.get_by_label("Temperature").input_value() == ""
    playwright.expect(visit.page.get_by_label("Max tokens")).to_have_attribute("placeholder", "12")
    visit.page.get_by_role("button", name="Close the settings").click()
    asked = questions(visit)
    visit.ask("What is a shard?")
    assert asked[0]["options"] == {}


def test_a_setting_that_cannot_be_is_explained_and_nothing_is_asked(visit: Visit) -> None:
    asked = questions(visit)
    visit.set(top_p="1.5")
    visit.send("What is a shard?")
    field = visit.page.get_by_label("Top p")
    playwright.expect(field).to_be_focused()
    playwright.expect(field).to_have_attribute("aria-invalid", "true")
    playwright.expect(field).to_have_accessible_description("Top p must lie between 0 and 1.")
    assert asked == []
    assert visit.page.get_by_label("Message", exact=True).input_value() == "What is a shard?"


def test_a_token_under_the_pointer_shows_how_likely_it_was(visit: Visit) -> None:
    visit.ask("What is a shard?")
    visit.page.locator(".token").nth(2).hover()
    rows = visit.tip.get_by_role("listitem")
    playwright.expect(rows.first).to_contain_text(re.compile(r"\d+\.\d %"))
    assert rows.count() >= 5
    visit.page.get_by_label("Message", exact=True).hover()
    playwright.expect(visit.tip).to_be_hidden()


def test_the_page_can_be_used_without_a_pointer(visit: Visit) -> None:
    page = visit.page
    playwright.expect(page.get_by_label("Message", exact=True)).to_be_focused()
    page.keyboard.type("What is a shard?")
    page.keyboard.press("Enter")
    visit.whole_reply()
    for _ in range(20):
        page.keyboard.press("Shift+Tab")
        if page.locator(".token:focus").count():
            break
    token = page.locator(".token:focus")
    playwright.expect(token).to_have_accessible_description(re.compile(r"\d+\.\d %"))
    first = token.inner_text()
    page.keyboard.press("ArrowRight")
    playwright.expect(page.locator(".token").nth(1)).to_be_focused()
    page.keyboard.press("Home")
    assert page.locator(".token:focus").inner_text() == first
    page.keyboard.press("Escape")
    playwright.expect(visit.tip).to_be_hidden()
    page.keyboard.press("Alt+KeyE")
    page.keyboard.type(" And why?")
    page.keyboard.press("Enter")
    visit.whole_reply()
    assert page.locator(".bubble").inner_text() == "What is a shard? And why?"
    page.keyboard.press("Alt+KeyS")
    playwright.expect(page.get_by_role("complementary").get_by_role("button", name="Close the settings")).to_be_focused()
    page.keyboard.press("Alt+KeyS")
    page.keyboard.press("Alt+KeyN")
    playwright.expect(page.get_by_label("Message", exact=True)).to_be_focused()
    assert visit.replies.count() == 0
    page.keyboard.press("Alt+KeyK")
    playwright.expect(page.get_by_role("dialog", name="Keys")).to_contain_text("Ask for the last reply again")


def test_what_is_quoted_is_marked_and_shown_at_its_source(gated: Gated, open_page: OpenPage) -> None:
    visit = open_page(gated(-100))
    asked = questions(visit)
    visit.ask("What is a shard?", passage=PASSAGE)
    assert asked[0]["messages"][0] == {"role": "passage", "content": PASSAGE}
    quoted = visit.page.locator("mark.token")
    assert quoted.count() > 0
    for number in range(quoted.count()):
        quoted.nth(number).hover()
        source = visit.tip.locator(".tip-source")
        assert re.match("Quoted from (the passage|your message): ", source.inner_text())
        assert source.locator("mark").inner_text() == quoted.nth(number).inner_text()
    lit = "[...(CSS.highlights.get('source') ?? [])].map((range) => range.toString()).join()"
    assert visit.page.evaluate(lit) == quoted.last.inner_text()
    visit.page.get_by_label("Message", exact=True).hover()
    playwright.expect(visit.tip).to_be_hidden()
    assert visit.page.evaluate(lit) == ""


def test_without_a_quotation_nothing_is_marked(gated: Gated, open_page: OpenPage) -> None:
    visit = open_page(gated(100))
    visit.ask("What is a shard?", passage=PASSAGE)
    assert visit.page.locator(".token").count() > 0
    assert visit.page.locator("mark").count() == 0


def test_what_a_model_says_is_text_and_nothing_else(visit: Visit) -> None:
    said = '<img src=x onerror="document.title=1"> **bold**\n\n```js\nalert("<b>")\n```\n\nand `a < b`'
    visit.page.evaluate(
        """(content) => localStorage.setItem("handspun.conversation.x", JSON.stringify({ id: "x", title: "", changed: 9e15,
            turns: [{ role: "user", content: "<h1>hi</h1>" }, { role: "assistant", content, tokens: [], model: "tiny" }] }))""",
        said,
    )
    visit.open()
    assert visit.page.locator(".bubble").inner_text() == "<h1>hi</h1>"
    assert visit.replies.locator("p").all_inner_texts() == [said.split("\n")[0], "and a < b"]
    assert visit.replies.locator("pre code").inner_text() == 'alert("<b>")'
    assert visit.replies.locator("p code").inner_text() == "a < b"
    assert visit.replies.locator("img, b, h1").count() == 0


def test_what_the_server_refuses_is_a_sentence_and_can_be_tried_again(visit: Visit) -> None:
    visit.may_fail = True
    visit.send("shard " * 100)
    visit.page.get_by_role("button", name="Try again").wait_for()
    sentence = visit.page.locator(".ending").inner_text()
    assert re.fullmatch(r"[A-Z].*tokens.*\.", sentence)
    visit.page.get_by_role("button", name="Try again").click()
    playwright.expect(visit.page.locator(".ending")).to_have_text(sentence)
    visit.page.get_by_role("button", name="Edit").click()
    visit.page.locator(".edit textarea").fill("What is a shard?")
    visit.page.get_by_role("button", name="Send again").click()
    assert visit.whole_reply()


def test_what_the_model_could_not_read_any_more_is_said(visit: Visit) -> None:
    for _ in range(4):
        visit.ask("What is a shard and a token and a step?")
    playwright.expect(visit.page.locator(".ending").last).to_contain_text("oldest")


def test_the_end_of_a_reply_is_in_sight_until_somebody_reads_elsewhere(live: Live, open_page: OpenPage) -> None:
    visit = open_page(live, width=320)
    for _ in range(3):
        visit.ask("What is a shard?")
    again, newest = visit.page.locator(".again"), visit.page.get_by_role("button", name="Newest")
    playwright.expect(again).to_be_in_viewport()
    playwright.expect(newest).to_be_hidden()
    visit.page.locator("#turns").evaluate("(turns) => turns.scrollTo(0, 0)")
    newest.click()
    playwright.expect(again).to_be_in_viewport()


def test_a_server_that_goes_away_is_missed_and_welcomed_back(finished_run: Path, tmp_path: Path, open_page: OpenPage) -> None:
    config = ServeConfig()

    def models() -> Models:
        return Models(Library([Run(finished_run)], created=tmp_path), config)

    server, stop = start(models(), config)
    visit = open_page(server)
    visit.may_fail = True
    stop()
    visit.send("What is a shard?")
    playwright.expect(visit.page.get_by_text("The server does not answer. Looking for it…").first).to_be_visible()
    playwright.expect(visit.page.locator(".ending")).to_have_text("The server does not answer.")
    _, stop = start(models(), config, port=int(server.url.rpartition(":")[2]))
    playwright.expect(visit.page.locator("#notices")).to_contain_text("The server is back.")
    visit.page.get_by_role("button", name="Try again").click()
    visit.page.get_by_role("button", name="Regenerate").wait_for()
    visit.page.close()
    stop()


def test_a_server_with_a_key_is_told_it(finished_run: Path, tmp_path: Path, browser: "Browser") -> None:
    config, key = ServeConfig(), "a-key-of-sixteen-or-more"
    models = Models(Library([Run(finished_run)], created=tmp_path), config)
    server, stop = start(models, config, Allowed("127.0.0.1", api_key=key))
    visit = Visit(browser.new_page(), server.url, may_fail=True)
    visit.page.goto(server.url)
    dialog = visit.page.get_by_role("dialog", name="This server asks for an API key")
    dialog.get_by_label("API key").fill("another-key-that-is-wrong")
    visit.page.keyboard.press("Enter")
    playwright.expect(dialog).to_contain_text("The key that was given is not the one.")
    dialog.get_by_label("API key").fill(key)
    visit.page.keyboard.press("Enter")
    playwright.expect(dialog).to_be_hidden()
    assert visit.ask("What is a shard?")
    assert visit.complaints == []
    visit.page.close()
    stop()


@pytest.mark.parametrize("width", [320, 768, 1440])
def test_nothing_reaches_beyond_the_side_of_the_window(width: int, live: Live, open_page: OpenPage) -> None:
    visit = open_page(live, width=width)
    visit.ask("x" * 40, passage="A long_word_" + "y" * 60)
    visit.page.locator(".token").last.hover()
    for name in ("Sampling", "Conversations"):
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
        beyond = "[...document.querySelectorAll('.turn, .bar, .foot-of-page, .tip, .drawer:not([hidden])')]"
        sides = visit.page.evaluate(
            f"{beyond}.map((part) => part.getBoundingClientRect()).map(({{left, right}}) => [left, right])"
        )
        assert all(0 <= left <= right <= width for left, right in sides)
        visit.page.get_by_role("button", name=name, exact=True).click()
        visit.page.keyboard.press("Escape")


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1440])
def test_axe_finds_no_violation(width: int, color_scheme: str, gated: Gated, open_page: OpenPage) -> None:
    visit = open_page(gated(-100), width=width, color_scheme=color_scheme, bypass_csp=True)
    page = visit.page

    def check() -> None:
        found = axe.Axe().run(page, options={"resultTypes": ["violations"]})
        assert found.violations_count == 0, found.generate_report()

    check()
    visit.ask("What is a shard?", passage=PASSAGE)
    page.locator(".token").first.hover()
    check()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Edit").click()
    check()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Sampling").click()
    page.get_by_label("Top p").fill("7")
    page.get_by_label("Tint unlikely words").check()
    check()
    page.get_by_role("button", name="Close the settings").click()
    if width == 320:
        page.get_by_role("button", name="Conversations", exact=True).click()
    check()
    page.get_by_role("button", name="Keys", exact=True).click()
    check()


def test_light_and_dark_follow_the_system_until_one_is_chosen(live: Live, open_page: OpenPage) -> None:
    visit = open_page(live, color_scheme="dark")
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = visit.page.evaluate(ground)
    visit.page.emulate_media(color_scheme="light")
    assert eventually(lambda: visit.page.evaluate(ground) != dark)
    visit.page.get_by_role("button", name="Dark").click()
    assert visit.page.evaluate(ground) == dark
    visit.open()
    assert visit.page.evaluate(ground) == dark


def test_without_a_model_the_page_says_how_to_make_one(
    serve: Callable[..., Live], open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Library, "entries", lambda _: [])
    visit = open_page(serve())
    playwright.expect(visit.page.get_by_role("heading", name="No model is served yet")).to_be_visible()
    visit.send("What is a shard?")
    playwright.expect(visit.page.locator("#notices")).to_contain_text("There is no model to ask")
    assert visit.replies.count() == 0
