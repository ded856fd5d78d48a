"""The kit in a real browser: axe finds nothing, nothing scrolls sideways, the content policy holds, keys work."""

import pytest
from axe_playwright_python.sync_playwright import Axe

pytestmark = pytest.mark.browser

PAGES = [
    "/",
    "/queue",
    "/auditor",
    "/public",
    "/print",
    "/?alarm",
    "/errors/duty",
    "/errors/invalid",
    "/errors/500?public",
]
SIZES = [
    {"width": 1440, "scheme": "light"},
    {"width": 1440, "scheme": "dark"},
    {"width": 900, "scheme": "light"},
    {"width": 390, "scheme": "light"},
    {"width": 390, "scheme": "dark"},
    {"width": 320, "scheme": "light"},
]


def names(size: dict) -> str:
    return f"{size['width']}-{size['scheme']}"


def ready(page, address: str):
    page.goto(address)
    page.wait_for_selector("html[data-ready]", state="attached")
    return page


def until(page, expression: str) -> None:
    """Wait for an expression. Playwright's own way needs eval, which the content policy refuses."""
    for _ in range(100):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"never true: {expression}")


def violations(page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {node['html'][:160]} {node['failureSummary'][:200]}" for one in found for node in one["nodes"]
    ]


@pytest.mark.parametrize("page", SIZES, indirect=True, ids=names)
def test_every_page_of_the_kit_is_accessible_and_fits(page, kit):
    problems = []
    for path in PAGES:
        page.goto(kit + path)
        if path != "/print":
            page.wait_for_selector("html[data-ready]", state="attached")
        wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        if wide > 0:
            problems.append(f"{path} scrolls sideways by {wide}px")
        problems += [f"{path} {one}" for one in violations(page)]
    assert not problems, "\n".join(problems)


def test_open_dialogs_and_menus_are_accessible(page, kit):
    ready(page, f"{kit}/")
    page.keyboard.press("?")
    assert page.locator("#help").is_visible()
    assert not violations(page)
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    page.wait_for_selector("#palette [role=option]")
    assert not violations(page)
    page.keyboard.press("Escape")
    page.locator(".me").click()
    assert page.locator("#account").is_visible()
    assert not violations(page)


def test_text_spacing_and_double_size_lose_nothing(page, kit):
    ready(page, f"{kit}/queue")
    page.set_viewport_size({"width": 720, "height": 700})
    page.evaluate(
        """() => { const sheet = new CSSStyleSheet(); sheet.replaceSync(
        '* { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important }');
        document.adoptedStyleSheets = [sheet]; }"""
    )
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_theme_is_kept_in_a_cookie_and_drawn_by_the_server(page, kit):
    ready(page, f"{kit}/")
    before = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.locator(".me").click()
    page.locator("[data-theme-form] button[value=dark]").click()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != before
    assert 'data-theme="dark"' in page.request.get(f"{kit}/").text()


def test_rows_are_walked_ticked_in_a_range_and_counted_with_keys(page, kit):
    ready(page, f"{kit}/queue")
    for key in "jxjj":
        page.keyboard.press(key)
    assert page.evaluate("document.activeElement.textContent").startswith("LTI service account")
    page.keyboard.press("Shift+X")
    assert page.locator("[data-bulk-count]").text_content() == "3 selected"
    until(page, "document.getElementById('say').textContent === '3 selected'")
    assert not violations(page)
    page.keyboard.press("Escape")
    assert not page.locator("[data-bulk]").is_visible()
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    assert page.url.endswith("#F-042")


def test_single_keys_can_be_switched_off_and_never_fire_while_typing(page, kit):
    ready(page, f"{kit}/queue")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.name") == "q"
    page.keyboard.type("jx?")
    assert page.evaluate("document.activeElement.value") == "jx?"
    assert not page.locator("#help").is_visible()
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("?")
    page.locator("[data-keys]").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    assert page.locator("tr.cur").count() == 0


def test_going_somewhere_with_g_and_a_letter(page, kit):
    ready(page, f"{kit}/queue")
    page.keyboard.press("g")
    page.keyboard.press("f")
    page.wait_for_url("**/ui-kit/?findings")


def test_heat_map_is_one_tab_stop_with_arrows_and_gaps(page, kit):
    ready(page, f"{kit}/")
    page.wait_for_selector("#coverage a.hc[tabindex='0']")
    assert page.locator("#coverage a.hc[tabindex='0']").count() == 1
    page.locator("#coverage a.hc[tabindex='0']").focus()
    said = "document.activeElement.textContent.trim()"
    assert page.evaluate(said) == "AC-01 week 13: Evidence pending"
    page.keyboard.press("ArrowLeft")
    assert page.evaluate(said) == "AC-01 week 12: Operated"
    page.keyboard.press("Home")
    page.keyboard.press("g")
    assert page.evaluate(said) == "AC-01 week 6: Missed"
    page.keyboard.press("ArrowDown")
    assert page.evaluate(said).startswith("AC-05 week 6")


def test_palette_searches_skips_what_is_refused_and_opens(page, kit):
    ready(page, f"{kit}/")
    page.keyboard.press("Control+k")
    page.wait_for_selector("#palette [role=option]")
    page.keyboard.type("approve")
    until(page, "document.querySelectorAll('#palette [role=option]').length === 1")
    page.keyboard.press("Enter")
    until(page, "document.getElementById('say').textContent.includes('You wrote its plan')")
    page.locator("#palette-q").fill("leavers")
    page.keyboard.press("Enter")  # at once: it acts on what was typed, not on what was listed before
    page.wait_for_url("**/ui-kit/queue")


def test_swapped_rows_are_announced_and_refusals_stand_beside_the_act(page, kit):
    page.expected_troubles = ("409", "422")
    ready(page, f"{kit}/")
    page.click("#b-rows")
    until(page, "document.getElementById('say').textContent === '11 findings'")
    page.click("#b-refusal")
    page.wait_for_selector(".refusal")
    assert page.evaluate("document.activeElement.classList.contains('refusal')")
    assert page.locator("#target").text_content() == "11 findings"
    page.click("#b-form")
    until(page, "document.activeElement.matches('#refused [data-errors]')")
    page.locator("#refused [data-errors] a").first.click()
    assert page.evaluate("document.activeElement.name") == "title"


def test_a_lost_session_never_puts_the_sign_in_page_into_a_page(page, kit):
    ready(page, f"{kit}/")
    page.click("#b-out")
    page.wait_for_selector(".toast:has-text('You are signed out')")
    assert page.locator("#target").text_content() == "Nothing yet"
    assert not violations(page)


def test_files_get_a_row_each_with_stages_and_a_reason_when_refused(page, kit):
    page.expected_troubles = ("422",)
    ready(page, f"{kit}/")
    page.set_input_files(
        "#upload-file",
        [
            {"name": "leavers.csv", "mimeType": "text/csv", "buffer": b"a,b\n1,2\n"},
            {"name": "locked.zip", "mimeType": "application/zip", "buffer": b"PK"},
        ],
    )
    page.wait_for_selector("[data-queue] li:has-text('leavers.csv') .pill.ok")
    page.wait_for_selector("[data-queue] li:has-text('locked.zip') .err")
    assert "Nothing was stored" in page.locator("[data-queue] li:has-text('locked.zip')").text_content()
    assert not violations(page)


@pytest.mark.parametrize("ends", [3600, 100], ids=["as long as one works", "to an end that stays"])
def test_session_warns_two_minutes_before_its_end_and_can_be_kept(page, kit, ends):
    page.route("**/ui-kit/fragment", lambda route: route.fulfill(status=204))
    ready(page, f"{kit}/?session=100&ends={ends}")
    page.wait_for_selector("dialog:has-text('You will be signed out soon')")
    assert not violations(page)
    page.get_by_role("button", name="Stay signed in").click()
    page.wait_for_selector("dialog:has-text('signed out')", state="detached")
    page.wait_for_timeout(2500)
    assert not page.locator("dialog:has-text('signed out')").count()


def test_a_hash_is_copied_whole(page, kit):
    ready(page, f"{kit}/")
    page.locator("[data-copy]").first.click()
    assert len(page.evaluate("navigator.clipboard.readText()")) == 64


def test_a_phone_reaches_every_place_through_more(page, kit):
    page.set_viewport_size({"width": 390, "height": 844})
    ready(page, f"{kit}/")
    assert not page.locator("#side").is_visible()
    page.get_by_role("button", name="More").click()
    assert page.locator("#side").get_by_role("link", name="Packages").is_visible()
    assert not violations(page)


def test_the_page_works_without_javascript(chromium, kit):
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{kit}/queue")
    assert page.locator(".bulk").is_visible()
    assert not page.locator(".find").is_visible()
    page.goto(f"{kit}/")
    assert page.locator("#upload-file").is_visible()
    page.locator(".me").click()
    page.locator("[data-theme-form] button[value=dark]").click()
    assert page.get_attribute("html", "data-theme") == "dark"
    context.close()
