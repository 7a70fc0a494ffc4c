"""Getting in, as people do: first start, second factor, invitations, forgotten passwords, and who may not change anything."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import pyotp
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.gateway_process import Gateway
from tests.openid_provider import NodeOpenIdProvider
from tests.visitors import BOUND, QUIET

PASSWORD = "correct horse battery staple"
OTHER = "four other words entirely"
WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 390, "height": 780}


@pytest.fixture(scope="module")
def browser(require: Callable[[str], str]) -> Iterator[Browser]:
    """Debian's Chromium; none is ever downloaded."""
    path = require("chromium")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=QUIET)
        yield started
        started.close()


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    with Gateway(tmp_path) as started:
        yield started


class Visitor:
    """Somebody with a browser of their own."""

    def __init__(
        self,
        browser: Browser,
        gateway: Gateway,
        *,
        size: dict[str, int] = WIDE,
        locale: str = "en-GB",
        others: Sequence[str] = (),
        base: str = "",
    ) -> None:
        self.base = base or f"http://127.0.0.1:{gateway.http_port}"
        self.context: BrowserContext = browser.new_context(viewport=size, locale=locale, base_url=self.base)
        self.page: Page = self.context.new_page()
        self.others = tuple(others)
        if others:  # their pages have fonts from elsewhere, which nobody here is to fetch
            self.context.route(re.compile(r"^https?://(?!127\.0\.0\.1:)"), lambda route: route.abort())
        self.complaints: list[str] = []
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        self.page.on("request", self._note)

    def _note(self, request: object) -> None:
        url = str(getattr(request, "url", ""))
        if not url.startswith((self.base, "data:")) and not self.others:
            self.complaints.append(f"fetched {url}")

    def follow(self, link: str) -> None:
        self.page.goto(urlsplit(link).path)

    def choose_password(self, password: str = PASSWORD, *, email: str = "", name: str = "") -> None:
        if email:
            self.page.get_by_label("E-mail").fill(email)
        if name:
            self.page.get_by_label("Name").fill(name)
        self.page.get_by_label("Password", exact=True).fill(password)
        self.page.get_by_label("Password, again").fill(password)
        self.page.get_by_role("button", name="Go on").click()

    def sign_in(self, email: str, password: str = PASSWORD) -> None:
        self.page.goto("/sign-in")
        self.page.get_by_label("E-mail").fill(email)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Sign in").click()

    def status(self, path: str, method: str = "GET") -> int:
        return self.context.request.fetch(path, method=method, max_redirects=0).status

    def close(self) -> None:
        self.context.close()
        refusals = ("status of 4", "ERR_FAILED") if self.others else ("status of 4",)  # which some tests want
        assert [text for text in self.complaints if not any(each in text for each in refusals)] == []


def link_in(mail: object) -> str:
    found = re.search(r"http\S+/link/[0-9a-f]{64}", mail.get_content())  # type: ignore[attr-defined]
    assert found is not None
    return found[0]


@pytest.fixture
def visitor(browser: Browser, gateway: Gateway) -> Iterator[Callable[..., Visitor]]:
    came: list[Visitor] = []

    def come(**options: object) -> Visitor:
        came.append(Visitor(browser, gateway, **options))  # type: ignore[arg-type]
        return came[-1]

    yield come
    for each in came:
        each.close()


def first_operator(gateway: Gateway, visitor: Callable[..., Visitor], **options: object) -> Visitor:
    root = visitor(**options)
    root.follow(gateway.run("admin", "link").splitlines()[0])
    root.choose_password(email="root@gateway.example", name="Rosa Root")
    return root


def owner(gateway: Gateway, visitor: Callable[..., Visitor], organisation: str = "Firma A/S") -> Visitor:
    gateway.key(organisation)
    anna = visitor()
    anna.follow(gateway.run("admin", "link", "--org", organisation).splitlines()[0])
    anna.choose_password(email="anna@firm.example", name="Anna Hansen")
    return anna


@pytest.mark.proves("first start")
def test_a_link_makes_the_first_operator_once(gateway: Gateway, visitor: Callable[..., Visitor]) -> None:
    assert "brevdue admin link" in gateway.log.read_text()
    assert "/link/" not in gateway.log.read_text()
    link = gateway.run("admin", "link").splitlines()[0]
    root = visitor()
    root.follow(link)
    root.page.reload()  # looking at it does not use it up
    root.choose_password("password1234", email="root@gateway.example")
    expect(root.page.get_by_role("alert")).to_contain_text("first passwords")
    expect(root.page.get_by_label("E-mail")).to_have_value("root@gateway.example")
    root.choose_password()
    root.page.goto("/me")
    expect(root.page.get_by_text("root@gateway.example").first).to_be_visible()
    stranger = visitor()
    stranger.follow(link)
    expect(stranger.page.get_by_text("does not work any more").first).to_be_visible()


@pytest.mark.proves("sessions")
def test_who_is_not_signed_in_is_asked_to_and_goes_where_they_wanted(
    gateway: Gateway, visitor: Callable[..., Visitor]
) -> None:
    owner(gateway, visitor)
    anna = visitor()
    anna.page.goto("/audit?action=session.")
    expect(anna.page).to_have_url(re.compile(r"/sign-in\?next="))
    anna.page.get_by_label("E-mail").fill("anna@firm.example")
    anna.page.get_by_label("Password").fill("wrong horse battery staple")
    anna.page.get_by_role("button", name="Sign in").click()
    expect(anna.page.get_by_role("alert")).to_contain_text("do not fit together")
    anna.page.get_by_label("Password").fill(PASSWORD)
    anna.page.get_by_role("button", name="Sign in").click()
    expect(anna.page).to_have_url(re.compile(r"/audit\?action=session\.$"))
    [cookie] = [each for each in anna.context.cookies() if each["name"] == "brevdue"]
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Lax"
    old = cookie["value"]
    anna.page.get_by_role("button", name="Sign out").click()
    expect(anna.page).to_have_url(re.compile("/sign-in"))
    anna.context.add_cookies([{"name": "brevdue", "value": old, "url": anna.base}])
    assert anna.status("/me") == 303
    for evil in ("//evil.example", "/\\evil.example", "https://evil.example/", "javascript:alert(1)"):
        anna.page.goto(f"/sign-in?next={evil}")
        assert anna.page.locator("input[name=next]").input_value() == "/"


@pytest.mark.proves("second factor")
def test_a_second_factor_is_set_up_asked_for_and_replaced_by_a_recovery_code(
    gateway: Gateway, visitor: Callable[..., Visitor]
) -> None:
    anna = owner(gateway, visitor)
    page = anna.page
    page.goto("/me")
    page.get_by_role("link", name="Set it up").click()
    page.get_by_text("It cannot be scanned?").click()
    app = pyotp.TOTP(page.locator("code.secret").inner_text())
    page.get_by_label("Code from your app").fill("000000")
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Switch it on").click()
    expect(page.get_by_role("alert")).to_contain_text("does not fit")
    assert app.secret == page.locator("code.secret").text_content(), "the same code may be tried again"
    page.get_by_label("Code from your app").fill(app.now())
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Switch it on").click()
    expect(page.locator(".codes code")).to_have_count(10)
    codes = page.locator(".codes code").all_inner_texts()
    page.get_by_role("link", name="I have kept them").click()
    expect(page.get_by_text("10 recovery codes are left.")).to_be_visible()

    page.get_by_role("button", name="Sign out").first.click()
    anna.sign_in("anna@firm.example")
    expect(page.get_by_label("Code from your app")).to_be_visible()
    assert anna.status("/me") == 303, "half a session is none"
    page.get_by_label("Code from your app").fill("123456")
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("alert")).to_contain_text("does not fit")
    page.get_by_label("Code from your app").fill(codes[0])
    page.get_by_role("button", name="Go on").click()
    page.goto("/me")
    expect(page.get_by_text("9 recovery codes are left.")).to_be_visible()


@pytest.mark.proves("second factor")
def test_where_it_is_required_nobody_gets_further_without(tmp_path: Path, browser: Browser) -> None:
    with Gateway(tmp_path, '[web]\nrequire_second_factor = "operators"\n') as gateway:
        root = Visitor(browser, gateway)
        root.follow(gateway.run("admin", "link").splitlines()[0])
        root.choose_password(email="root@gateway.example")
        expect(root.page.get_by_text("It is required here")).to_be_visible()
        assert root.status("/me") == 303
        root.page.get_by_text("It cannot be scanned?").click()
        app = pyotp.TOTP(root.page.locator("code.secret").inner_text())
        root.page.get_by_label("Code from your app").fill(app.now())
        root.page.get_by_role("button", name="Go on").click()
        expect(root.page.locator(".codes code")).to_have_count(10)
        assert root.status("/me") == 200
        root.close()


@pytest.mark.proves("people")
def test_a_reader_is_invited_and_changes_nothing(gateway: Gateway, visitor: Callable[..., Visitor]) -> None:
    anna = owner(gateway, visitor)
    anna.page.goto("/people")
    anna.page.get_by_role("link", name="Invite somebody").click()
    dialog = anna.page.get_by_role("dialog")
    dialog.get_by_label("E-mail").fill("no address")
    dialog.get_by_label("Role").select_option("reader")
    dialog.get_by_label("Language of the mail").select_option("en")
    dialog.get_by_label("E-mail").fill("rita@firm.example")
    dialog.get_by_role("button", name="Invite").click()
    expect(anna.page.get_by_text("rita@firm.example").first).to_be_visible()
    [mail] = gateway.mails(1, subject="Invitation", to="rita@firm.example")
    assert "anna@firm.example invites you" in mail.get_content()
    assert mail["Auto-Submitted"] == "auto-generated"

    rita = visitor()
    rita.follow(link_in(mail))
    rita.choose_password(name="Rita Reader")
    rita.page.goto("/accounts")
    expect(rita.page.get_by_role("heading", name="Accounts")).to_be_visible()
    expect(rita.page.get_by_role("link", name="Open an account")).to_have_count(0)
    expect(rita.page.get_by_role("link", name="People")).to_have_count(0)
    for path in ("/people", "/audit", "/people/invite"):
        assert rita.status(path) == 403
    token = rita.page.locator("input[name=csrf]").first.input_value()
    for path in ("/people/invite", "/accounts/new"):
        answer = rita.context.request.post(path, form={"csrf": token, "email": "x@y.example", "role": "owner"})
        assert answer.status == 403
    anna.page.goto("/people")
    rita_row = anna.page.get_by_role("row").filter(has_text="rita@firm.example")
    rita_row.get_by_role("link", name="Let rita@firm.example in no more").click()
    anna.page.get_by_role("dialog").get_by_role("button", name="Let in no more").click()
    expect(rita_row.get_by_text("let in no more")).to_be_visible()
    assert rita.status("/accounts") == 303


@pytest.mark.proves("people")
def test_nobody_gives_more_than_they_have_and_other_organisations_are_not_there(
    gateway: Gateway, visitor: Callable[..., Visitor]
) -> None:
    root, anna = first_operator(gateway, visitor), owner(gateway, visitor)
    gateway.key("Other A/S")
    anna.page.goto("/people")
    token = anna.page.locator("input[name=csrf]").first.input_value()

    def post(path: str, **form: str) -> int:
        return int(anna.context.request.post(path, form={"csrf": token, **form}, max_redirects=0).status)

    assert post("/people/invite", email="x@y.example", role="operator") == 403
    root.page.goto("/people")
    expect(root.page.get_by_text("root@gateway.example").first).to_be_visible()
    other = root.page.locator("#org option").filter(has_text="Other A/S").get_attribute("value")
    own = root.page.locator("#org option").filter(has_text="Firma A/S").get_attribute("value")
    assert anna.status(f"/people?org={other}") == 404
    assert post("/people/invite", email="x@y.example", role="reader", org=str(other)) == 404
    people = gateway.run("admin", "list", "--json")
    root_id = re.search(r'"id": "(\w{26})"', people)
    assert root_id is not None
    for deed in ("edit", "disable", "enable", "sessions/end", "second-factor/off"):
        assert post(f"/people/{root_id[1]}/{deed}", role="reader", name="x") == 404
    root.page.goto(f"/people?org={own}")
    expect(root.page.get_by_text("anna@firm.example").first).to_be_visible()


@pytest.mark.proves("one-time links")
def test_a_forgotten_password_and_an_unknown_address_look_alike(
    gateway: Gateway, visitor: Callable[..., Visitor]
) -> None:
    anna = owner(gateway, visitor)
    stranger = visitor()
    pages = []
    for email in ("nobody@firm.example", "anna@firm.example"):
        stranger.page.goto("/forgotten")
        stranger.page.get_by_label("E-mail").fill(email)
        stranger.page.get_by_role("button", name="Send the link").click()
        expect(stranger.page.get_by_role("heading", name="Look into your inbox")).to_be_visible()
        pages.append(stranger.page.locator("main").inner_text())
    assert pages[0] == pages[1]
    [mail] = gateway.mails(1, to="anna@firm.example")
    stranger.follow(link_in(mail))
    stranger.choose_password(OTHER)
    stranger.page.goto("/me")
    expect(stranger.page.get_by_role("heading", name="My account")).to_be_visible()
    assert anna.status("/me") == 303, "every other session ended"
    assert gateway.inbox_mails() == [mail] or len(gateway.inbox_mails()) == 1


@pytest.mark.proves("sessions")
def test_other_browsers_are_seen_and_signed_out(gateway: Gateway, visitor: Callable[..., Visitor]) -> None:
    anna, elsewhere = owner(gateway, visitor), visitor(size=NARROW)
    elsewhere.sign_in("anna@firm.example")
    third = visitor()
    third.sign_in("anna@firm.example")
    anna.page.goto("/me")
    expect(anna.page.get_by_role("row")).to_have_count(4)
    other = anna.page.get_by_role("row").filter(has_not_text="this one").get_by_role("button", name="Sign out").first
    with anna.page.expect_event("load"):
        other.click()
    anna.page.evaluate(BOUND)
    expect(anna.page.get_by_role("row")).to_have_count(3)
    assert sorted([elsewhere.status("/me"), third.status("/me")]) == [200, 303]
    anna.page.get_by_role("link", name="Change the password").click()
    dialog = anna.page.get_by_role("dialog")
    dialog.get_by_label("Your password now").fill("not my password at all")
    dialog.get_by_label("The new one", exact=True).fill(OTHER)
    dialog.get_by_label("The new one, again").fill(OTHER)
    dialog.get_by_role("button", name="Change it").click()
    expect(dialog.get_by_text("That is not your password.")).to_be_visible()
    dialog.get_by_label("Your password now").fill(PASSWORD)
    dialog.get_by_label("The new one", exact=True).fill(OTHER)
    dialog.get_by_label("The new one, again").fill(OTHER)
    dialog.get_by_role("button", name="Change it").click()
    expect(anna.page.get_by_role("status")).to_contain_text("password is changed")
    assert [elsewhere.status("/me"), third.status("/me")] == [303, 303]
    assert anna.status("/me") == 200


@pytest.mark.proves("login rate limit")
def test_who_guesses_is_told_to_wait_and_the_log_says_so(gateway: Gateway, visitor: Callable[..., Visitor]) -> None:
    stranger = visitor()
    stranger.page.goto("/sign-in")
    form = {
        "csrf": stranger.page.locator("input[name=csrf]").first.input_value(),
        "email": "anna@firm.example",
        "password": "guess",
    }
    answers = [stranger.context.request.post("/sign-in", form=form).status for _ in range(12)]
    assert answers == [422] * 10 + [429] * 2
    failed = gateway.events("login-failed")
    assert len(failed) == 10
    assert {each["door"] for each in failed} == {"web"}
    assert "guess" not in gateway.log.read_text()


@pytest.mark.proves("OpenID Connect")
def test_a_provider_of_other_people_lets_in_whom_it_may(
    tmp_path: Path, browser: Browser, require: Callable[[str], str]
) -> None:
    gateway = Gateway(tmp_path)
    public = f"http://127.0.0.1:{gateway.http_port}"
    with NodeOpenIdProvider(require, f"{public}/sign-in/sso/back") as provider:
        config = gateway.config.read_text().replace("[http]\n", f'[http]\npublic_url = "{public}"\n')
        gateway.config.write_text(
            f'{config}\n[web.oidc]\nissuer = "{provider.issuer}"\nclient_id = "brevdue"\n'
            'client_secret = "client-secret"\nlabel = "Sign in with Firma"\nallowed_domains = ["firm.example"]\n'
            'create_role = "reader"\norganisation = "Firma A/S"\n'
        )
        with gateway:
            for name, role in (("rita", "Reader"), ("rita.unproven", ""), ("eve.elsewhere", "")):
                visitor = Visitor(browser, gateway, others=(provider.issuer,))
                page = visitor.page
                page.goto("/accounts")
                page.get_by_role("link", name="Sign in with Firma").click()
                page.locator("input[name=login]").fill(name)
                page.locator("input[name=password]").fill("any")
                page.locator("button[type=submit]").click()
                page.get_by_role("button", name="Continue").click()
                if role:
                    expect(page).to_have_url(f"{public}/accounts")
                    page.goto("/me")
                    expect(page.get_by_text("You have none: you sign in by other means.")).to_be_visible()
                else:
                    expect(page.get_by_role("alert")).to_contain_text("does not let you in here")
                visitor.close()
            assert "rita@firm.example" in gateway.run("admin", "list", "--org", "Firma A/S")


@pytest.mark.proves("passkeys")
def test_a_passkey_is_both_factors_and_works_until_it_is_removed(tmp_path: Path, browser: Browser) -> None:
    gateway = Gateway(tmp_path)
    public = f"http://localhost:{gateway.http_port}"  # browsers know passkeys by name alone
    config = gateway.config.read_text().replace("[http]\n", f'[http]\npublic_url = "{public}"\n')
    gateway.config.write_text(config)
    with gateway:
        anna = Visitor(browser, gateway, base=public)
        page = anna.page
        device = anna.context.new_cdp_session(page)
        device.send("WebAuthn.enable")
        options = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": True,
        }
        key = device.send("WebAuthn.addVirtualAuthenticator", {"options": options})["authenticatorId"]
        anna.follow(gateway.run("admin", "link").splitlines()[0])
        anna.choose_password(email="root@gateway.example")
        page.goto("/me")
        page.get_by_role("link", name="Add this device").click()
        page.get_by_label("What you call this device").fill("Anna's phone")
        page.get_by_label("Your password").fill("not my password at all")
        page.get_by_role("button", name="Make a passkey").click()
        expect(page.get_by_role("alert").first).to_contain_text("not your password")
        page.get_by_label("Your password").fill(PASSWORD)
        # The device made one above, for a person who then was refused: it makes no second one for the same.
        device.send("WebAuthn.clearCredentials", {"authenticatorId": key})
        page.get_by_role("button", name="Make a passkey").click()
        expect(page.get_by_text("Anna's phone")).to_be_visible()
        page.get_by_role("button", name="Sign out").first.click()
        page.get_by_role("button", name="Sign in with a passkey").click()
        expect(page.get_by_role("button", name="Sign out").first).to_be_visible()
        assert anna.status("/me") == 200

        device.send("WebAuthn.setUserVerified", {"authenticatorId": key, "isUserVerified": False})
        page.get_by_role("button", name="Sign out").first.click()
        page.get_by_role("button", name="Sign in with a passkey").click()
        expect(page.get_by_text("Your device did not answer with a passkey.")).to_be_visible()
        assert anna.status("/me") == 303, "who cannot unlock the device is not let in"

        device.send("WebAuthn.setUserVerified", {"authenticatorId": key, "isUserVerified": True})
        page.get_by_role("button", name="Sign in with a passkey").click()
        expect(page.get_by_role("button", name="Sign out").first).to_be_visible()
        page.goto("/me")
        page.get_by_role("button", name="Remove").click()
        expect(page.get_by_role("status")).to_contain_text("forgotten")
        page.get_by_role("button", name="Sign out").first.click()
        page.get_by_role("button", name="Sign in with a passkey").click()
        expect(page.get_by_role("alert").first).to_contain_text("not known here")
        anna.close()


@pytest.mark.proves("CSRF")
def test_a_form_that_is_not_ours_does_nothing(gateway: Gateway, visitor: Callable[..., Visitor]) -> None:
    anna = owner(gateway, visitor)
    for path in ("/sign-out", "/me", "/me/sessions/end-others", "/people/invite"):
        assert anna.context.request.post(path, form={"csrf": "0" * 64}).status == 403
    assert anna.status("/me") == 200
    stranger = visitor()
    form = {"email": "anna@firm.example", "password": PASSWORD}
    assert stranger.context.request.post("/sign-in", form=form).status == 403
