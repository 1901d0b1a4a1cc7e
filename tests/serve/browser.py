"""The chat page in a browser without a window, and what the browser has to complain of."""

import os
import re
import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import ConsoleMessage, Locator, Page

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")

TELL_VIOLATIONS = """addEventListener("securitypolicyviolation", (event) => console.error(
    "against the policy:", event.violatedDirective, event.blockedURI, event.sourceFile))"""

REFUSED = re.compile(r"Failed to load resource: (the server responded with a status of [45]|net::ERR_CONNECTION_REFUSED)")
"""What chromium says of every request that fails."""


@dataclass
class Visit:
    """A page of one server, and what went wrong on it."""

    page: "Page"
    url: str
    complaints: list[str] = field(default_factory=list)
    may_fail: bool = False
    """requests may be refused; the page is to say so, and nothing else is to go wrong"""

    def __post_init__(self) -> None:
        self.page.add_init_script(TELL_VIOLATIONS)
        self.page.on("console", self.hear)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.follow(request.url))

    def hear(self, message: "ConsoleMessage") -> None:
        """Errors and warnings of the console are complaints."""
        if message.type in ("error", "warning") and not (self.may_fail and REFUSED.match(message.text)):
            self.complaints.append(message.text)

    def follow(self, url: str) -> None:
        """A request to anywhere else is a complaint."""
        if not url.startswith((self.url, "data:", f"blob:{self.url}")):
            self.complaints.append(f"a request went to {url}")

    def open(self) -> None:
        """Go to the page and wait until it has asked for the models."""
        with self.page.expect_response(re.compile("/api/ps$")):
            self.page.goto(self.url)

    def send(self, message: str, passage: str | None = None) -> None:
        """Type a message, with a passage to read, and send it."""
        if passage is not None:
            self.page.get_by_role("button", name="Passage", exact=True).click()
            self.page.locator("#passage").fill(passage)
        self.page.get_by_label("Message", exact=True).fill(message)
        self.page.keyboard.press("Enter")

    def ask(self, message: str, passage: str | None = None) -> str:
        """Send a message and wait for the whole reply."""
        self.send(message, passage)
        return self.whole_reply()

    def whole_reply(self) -> str:
        """The last reply, when it has ended."""
        self.page.locator(".turn:last-child .again").wait_for()
        return self.replies.last.inner_text()

    def set(self, **settings: str) -> None:
        """Fill fields of the sampling panel."""
        self.page.get_by_role("button", name="Sampling").click()
        for name, value in settings.items():
            self.page.locator(f"#setting-{name}").fill(value)
        self.page.get_by_role("button", name="Close the settings").click()

    @property
    def replies(self) -> "Locator":
        """The texts of all replies."""
        return self.page.locator(".reply")

    @property
    def tip(self) -> "Locator":
        """The card that explains a token."""
        return self.page.get_by_role("tooltip")
