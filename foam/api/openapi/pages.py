"""Swagger UI at /docs and Redoc at /redoc, under a CSP that allows no other host."""

from typing import Any, ClassVar

from drf_spectacular.views import SpectacularRedocView, SpectacularSwaggerSplitView

# Both create styles at run time. Redoc searches in a worker created from a blob.
CSP = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "worker-src 'self' blob:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
)


class DocsCspMixin:
    """Sets the CSP of a page of documentation, which needs no sign-in."""

    url_name = "openapi"
    permission_classes: ClassVar[list[Any]] = []
    authentication_classes: ClassVar[list[Any]] = []

    def finalize_response(self, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(*args, **kwargs)  # type: ignore[misc]
        response["Content-Security-Policy"] = CSP
        return response


class SwaggerView(DocsCspMixin, SpectacularSwaggerSplitView):
    """Swagger UI. Its script has its own address, `?script=`, as the CSP forbids inline scripts."""


class RedocView(DocsCspMixin, SpectacularRedocView):
    """Redoc, started by foam/redoc.js."""
