"""The language in which schedules are told: English, until someone who translates is installed."""

from gettext import NullTranslations
from typing import Protocol


class Translations(Protocol):
    """What Python's gettext and Django's both offer."""

    def gettext(self, message: str, /) -> str: ...

    def ngettext(self, singular: str, plural: str, number: int, /) -> str: ...


_installed: list[Translations] = [NullTranslations()]


def install(translations: Translations) -> None:
    """Have every text from now on looked up there, when it is told."""
    _installed[0] = translations


def gettext_noop(message: str) -> str:
    """Mark a text for translators where it is defined; it is translated where it is told."""
    return message


def _(message: str) -> str:
    return _installed[0].gettext(message)


def ngettext(singular: str, plural: str, number: int) -> str:
    return _installed[0].ngettext(singular, plural, number)
