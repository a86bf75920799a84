from django import template
from django.utils import timezone

from foam import health

register = template.Library()


@register.simple_tag
def tick_trouble() -> str:
    """Say in a sentence that reminders do not fire at present; empty when they do."""
    return health.tick_trouble(timezone.now())
