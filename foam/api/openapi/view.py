"""The OpenAPI document at /openapi.json, generated once in each process."""

import hashlib
import threading
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response
from drf_spectacular.renderers import OpenApiJsonRenderer
from drf_spectacular.views import SpectacularJSONAPIView
from rest_framework.request import Request

_generation = threading.Lock()


class Document(NamedTuple):
    content: bytes
    etag: str


class OpenApiView(SpectacularJSONAPIView):
    """Answers with the same document to all clients, or 304 to a client that has it."""

    permission_classes: ClassVar[list[Any]] = []
    authentication_classes: ClassVar[list[Any]] = []
    schema = None

    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        # One thread generates, which takes half a second; the others wait for its document.
        with _generation:
            document = generate_document(self.generator_class, self.serve_public)
        response = get_conditional_response(request._request, etag=document.etag)
        if response is None:
            kind = request.accepted_renderer.media_type
            response = HttpResponse(document.content, content_type=kind)
            name = self._get_filename(request, self.api_version)
            response["Content-Disposition"] = f'inline; filename="{name}"'
        response["ETag"] = document.etag
        response["Cache-Control"] = "public, max-age=300"
        return response


@lru_cache(maxsize=1)
def generate_document(generator: Any, is_public: bool) -> Document:
    """Return the document, which depends on the code alone."""
    schema = generator().get_schema(request=None, public=is_public)
    content = OpenApiJsonRenderer().render(schema, renderer_context={})
    return Document(content, f'"{hashlib.sha256(content).hexdigest()[:32]}"')
