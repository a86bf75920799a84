"""A text that shows in no dump: of settings, of Celery's configuration, of variables."""


class SecretText(str):
    """A secret as its readers need it, whose repr hides it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'[secret]'" if self else "''"
