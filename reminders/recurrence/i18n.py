"""The language of schedule texts: English, until `install` sets translations."""

from gettext import NullTranslations
from typing import Protocol


class Translations(Protocol):
    """The functions that Python's gettext and Django's translation share."""

    def gettext(self, message: str, /) -> str: ...

    def ngettext(self, singular: str, plural: str, number: int, /) -> str: ...


_installed: list[Translations] = [NullTranslations()]


def install(translations: Translations) -> None:
    """Translate all texts from now on by these translations, at the time of each text."""
    _installed[0] = translations


def gettext_noop(message: str) -> str:
    """Mark a text for translators at its definition; `_` translates it later."""
    return message


def _(message: str) -> str:
    return _installed[0].gettext(message)


def ngettext(singular: str, plural: str, number: int) -> str:
    return _installed[0].ngettext(singular, plural, number)
