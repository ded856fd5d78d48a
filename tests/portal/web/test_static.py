"""Static files as production serves them: every reference carries the hash of its file; the commands that keep them."""

import json
import re

import pytest
from django.contrib.staticfiles import finders
from django.core.management import CommandError, call_command

from portal.staticfiles import ManifestStorage
from portal.web import iconsprite, vendoring

HASHED = re.compile(r"\.[0-9a-f]{12}\.(?:js|woff2|css|svg)$")


@pytest.fixture(scope="module")
def collected(tmp_path_factory):
    """Our own files, collected as in production."""
    folder = tmp_path_factory.mktemp("static")
    storage = ManifestStorage(location=folder, base_url="/static/")
    found = {}
    for path in (iconsprite.ROOT / "portal/static").rglob("*"):
        if path.is_file():
            name = str(path.relative_to(iconsprite.ROOT / "portal/static"))
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
            found[name] = (storage, name)
    for _, _, processed in storage.post_process(found):
        assert not isinstance(processed, Exception), processed
    manifest = json.loads((folder / "staticfiles.json").read_text())["paths"]
    return folder, manifest


def test_modules_import_each_other_by_hashed_names(collected):
    folder, manifest = collected
    for name, hashed in manifest.items():
        if not name.startswith("js/"):
            continue
        text = (folder / hashed).read_text()
        for target in re.findall(r"""(?:\bfrom|\bimport)\s*\(?\s*["']([^"']+)["']""", text):
            assert HASHED.search(target), f"{name} imports {target}"
            assert (folder / hashed).parent.joinpath(target).is_file()


def test_styles_point_at_hashed_fonts(collected):
    folder, manifest = collected
    urls = re.findall(r"url\(\"?([^\")]+)", (folder / manifest["tokens.css"]).read_text())
    assert len(urls) == 4
    assert all(HASHED.search(url) and (folder / url).is_file() for url in urls)


def test_scripts_use_no_eval_and_build_no_markup_from_text():
    for path in (iconsprite.ROOT / "portal/static/js").glob("*.js"):
        text = path.read_text()
        for word in ("eval(", "new Function", "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write"):
            assert word not in text, f"{path.name} uses {word}"


def test_the_finders_see_what_templates_name():
    for name in ("app.css", "tokens.css", "icons.svg", "icon.svg", "js/app.js", "vendor/htmx/2.0.11/htmx.min.js"):
        assert finders.find(name), name


def test_the_commands_agree_with_what_is_there(capsys):
    call_command("vendor", "--check")
    call_command("iconsprite", "--check")
    said = capsys.readouterr().out
    assert "as published" in said
    assert "all in the sprite" in said


def test_an_icon_that_does_not_exist_is_named_with_its_neighbours(monkeypatch):
    monkeypatch.setattr(iconsprite, "used", lambda: {"flagg"})
    with pytest.raises(CommandError, match=r"flagg; near it: .*flag"):
        call_command("iconsprite", "--check")


def test_a_changed_library_fails_the_check(monkeypatch):
    monkeypatch.setattr(vendoring, "faults", lambda: ["htmx.min.js differs"])
    with pytest.raises(CommandError, match=r"htmx\.min\.js differs"):
        call_command("vendor", "--check")
