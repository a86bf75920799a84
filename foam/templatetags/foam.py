from django import template
from django.utils import timezone

from foam import health

register = template.Library()


@register.simple_tag
def trouble() -> str:
    """Say in a sentence or two that reminders do not fire or arrive; empty when they do both."""
    return health.trouble(timezone.now())


@register.simple_tag
def backlog() -> str:
    """Say in a sentence what becomes of late reminders; empty while no backlog is open."""
    return health.backlog()
