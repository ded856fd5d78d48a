"""What stamps say, in the language that is spoken; in figures alone where their faces, which are Latin, lack a letter."""

from django.utils.translation import gettext

from portal.packages import wording

#: Each phrase without words.
FIGURES = {
    "page": "%(page)s / %(pages)s",
    "place": "%(page)s / %(pages)s",
    "volume": "%(volume)s, %(page)s / %(pages)s",
    "package": "%(package)s · %(issue)s",
    "draft": "%(package)s · %(issue)s",
    "front": "%(package)s",
    "slip sheet": "",
    "repaired copy": "",
}


def phrases() -> dict[str, str]:
    """By their names in FIGURES."""
    return {
        # Translators: the stamp on a page of an exhibit, at the left: its page within the exhibit.
        "page": gettext("Page %(page)s of %(pages)s"),
        # Translators: the stamp on a page of an exhibit, at the right: its page within the file.
        "place": gettext("page %(page)s of %(pages)s"),
        "volume": gettext("volume %(volume)s, page %(page)s of %(pages)s"),
        "package": gettext("%(package)s · issue %(issue)s"),
        "draft": gettext("Draft · %(package)s · issue %(issue)s"),
        # Translators: the stamp on the list in front of a volume of exhibits.
        "front": gettext("Exhibits of %(package)s"),
        **{name: str(words) for name, words in wording.COPY.items()},
    }
