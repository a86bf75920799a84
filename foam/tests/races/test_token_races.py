"""P10: what holds of API tokens holds for those who ask at once."""

import pytest
from django.core.exceptions import ValidationError

from accounts import tokens
from accounts.models import ApiToken
from foam.tests.races.test_races import THREADS, at_once

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("woken")]

ASKED = {"scopes": ["me:read"], "expires_at": None}


def test_many_at_once_keep_to_the_limit_together(user, now, settings):
    settings.FOAM_QUOTAS = {**settings.FOAM_QUOTAS, "tokens": 3}

    def make():
        try:
            tokens.make(user, "laptop", now, **ASKED)
        except ValidationError:
            return False
        return True

    assert sum(at_once(*[make] * THREADS)) == 3
    assert ApiToken.objects.count() == 3
