from collections.abc import Mapping
from typing import IO, Any

from rest_framework import parsers
from rest_framework.exceptions import ParseError, ValidationError

from accounts.api.strict_json import UnusableJson, parse_json


class JSONParser(parsers.JSONParser):
    """Parses JSON, and refuses text that the database cannot store."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        try:
            return parse_json(stream.read())
        except UnusableJson as error:
            if error.place:
                raise ValidationError({error.place: [error.message]}) from None
            raise ParseError(error.message) from None
