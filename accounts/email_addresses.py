"""Domain names and e-mail addresses as FOAM stores them: in ASCII, without lookalikes. Pure.

Domains follow IDNA 2008 (UTS 46, non-transitional): `ß` and `ς` are letters of their own. Python's
own codec follows IDNA 2003 and turns `ß` into `ss`, which is another owner's domain.
"""

import re
import unicodedata

import idna

LONGEST_DOMAIN = 253
LONGEST_LABEL = 63
# RFC 5321, 4.5.3.1.1; and 4.5.3.1.3, less the angle brackets.
LONGEST_LOCAL = 64
LONGEST_ADDRESS = 254
# Separators of labels, beside the dot (UTS 46, 2.3).
DOTS = re.compile("[\u3002\uff0e\uff61]")
A_LABEL = "xn--"
GMAIL = ("gmail.com", "googlemail.com")
LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
NAME_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
EXAMPLE = "Enter an e-mail address, such as ada@example.com."

NOT_ASCII = (
    "Before the @ only letters of ASCII are taken, such as ada@example.com: mail servers need "
    "SMTPUTF8 for others."
)


class BadAddress(ValueError):
    """A refused domain or address; the message says why, and what to write instead."""


def domain_to_ascii(domain: str) -> str:
    """Return a domain name in lower case and ASCII, as DNS looks it up. Raises BadAddress.

    A letter that only looks like one of ASCII, such as the Kelvin sign, is refused. Of labels that
    are ASCII already, only those with the prefix `xn--` are checked.
    """
    if len(domain) > LONGEST_DOMAIN:
        raise BadAddress(f"The domain is longer than {LONGEST_DOMAIN} characters.")
    labels = [_label_to_ascii(label) for label in DOTS.sub(".", domain).split(".")]
    encoded = ".".join(labels)
    if len(encoded) > LONGEST_DOMAIN:
        raise BadAddress(f"The domain is longer than {LONGEST_DOMAIN} characters.")
    return encoded


def _label_to_ascii(label: str) -> str:
    lower = unicodedata.normalize("NFC", label.lower())
    if label.isascii() and not lower.startswith(A_LABEL):
        return lower
    if unicodedata.normalize("NFKC", lower) != lower or has_lookalikes(label):
        raise BadAddress(
            f"The domain has characters that stand for others ({label}): write the plain letters."
        )
    try:
        if not lower.isascii():
            return idna.alabel(lower).decode("ascii")
        # The label must decode to a valid name, and be its only encoding.
        if idna.alabel(idna.ulabel(lower)).decode("ascii") == lower:
            return lower
    except (idna.IDNAError, UnicodeError):
        pass
    raise BadAddress(
        f"The domain has a part that no domain may have ({label}), by the rules of IDNA 2008."
    )


def has_lookalikes(text: str) -> bool:
    """Tell whether a text has a character that normalises to one of ASCII."""
    return any(
        not c.isascii() and not DOTS.match(c) and unicodedata.normalize("NFKC", c).isascii()
        for c in text
    )


def mailbox_of(address: str) -> str:
    """Return one text for all spellings of an address that reach the same person.

    Letter case, `+tag`, the encoding of the domain, and at Gmail dots and the old domain do not
    count. Some servers do tell `a+b` from `a`: their users share a budget then. Any text will do.
    """
    local, _, domain = unicodedata.normalize("NFKC", address.strip()).rpartition("@")
    local = local.strip('"').casefold().partition("+")[0] or local.casefold()
    try:
        domain = domain_to_ascii(domain)
    except BadAddress:
        domain = domain.casefold()
    domain = domain.rstrip(".")
    if domain in GMAIL:
        return f"{local.replace('.', '')}@{GMAIL[0]}"
    return f"{local}@{domain}"


def clean_email(address: str) -> str:
    """Return an e-mail address that needs no SMTPUTF8. Raises BadAddress.

    The part before the @ is kept, the domain becomes ASCII in lower case.
    """
    if address.count("@") != 1 or any(c.isspace() or not c.isprintable() for c in address):
        raise BadAddress(EXAMPLE)
    local, _, domain = address.partition("@")
    _check_local(local)
    if not domain or domain.startswith("["):
        raise BadAddress(EXAMPLE)
    domain = domain_to_ascii(domain)
    labels = domain.split(".")
    are_labels = all(
        NAME_LABEL.fullmatch(label) and len(label) <= LONGEST_LABEL for label in labels
    )
    if not are_labels or len(labels) == 1 or labels[-1].isdigit():
        raise BadAddress(f"The domain {domain} is not complete: a name such as example.com.")
    cleaned = f"{local}@{domain}"
    if len(cleaned) > LONGEST_ADDRESS:
        raise BadAddress(f"The address is longer than {LONGEST_ADDRESS} characters.")
    return cleaned


def _check_local(local: str) -> None:
    if not local.isascii():
        raise BadAddress(NOT_ASCII)
    if len(local) > LONGEST_LOCAL:
        raise BadAddress(f"Before the @ at most {LONGEST_LOCAL} characters are taken.")
    if local.startswith("-"):
        raise BadAddress("An address that begins with a dash is refused by mail servers.")
    if not LOCAL.fullmatch(local):
        raise BadAddress(f"Before the @ are no quotes, brackets or double dots. {EXAMPLE}")
