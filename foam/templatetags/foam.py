from django import template
from django.utils import timezone
from django.utils.safestring import SafeString

from foam.api.browsable import titled
from foam.api.docstrings import describe as as_html
from foam.monitoring import health

register = template.Library()


@register.filter
def parameter_label(name: str) -> str:
    """Return the label of a query parameter: "Due before" for `due_before`."""
    return titled(name)


@register.filter
def describe(text: str) -> SafeString:
    """Return a help text as HTML, with `code` for what stands in backticks."""
    return as_html(text)


@register.simple_tag
def trouble() -> str:
    """Say in a sentence or two that reminders do not fire or arrive; empty when they do both."""
    return health.trouble(timezone.now())


@register.simple_tag
def backlog() -> str:
    """Say in a sentence what becomes of late reminders; empty while no backlog is open."""
    return health.backlog()
