"""A user's own quotas, and the use of the quotas that are too large to count."""

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models

from accounts.quota_list import COUNTED, QUOTAS


class UserQuota(models.Model):
    """The value of a quota for one user, in place of the setting. Staff give it in the admin."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="quotas")
    name = models.CharField(max_length=32, choices=[(quota.name, quota.name) for quota in QUOTAS])
    value = models.BigIntegerField(validators=[MinValueValidator(0)])

    class Meta:
        db_table = "accounts_quota"
        verbose_name = "quota"
        constraints = [
            models.UniqueConstraint(fields=["user", "name"], name="accounts_quota_once"),
            models.CheckConstraint(
                condition=models.Q(value__gte=0), name="accounts_quota_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name}: {self.value:,}"


class QuotaUsage(models.Model):
    """The use of the COUNTED quotas by a user, or more than that: see `accounts.quotas`."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True)
    reminders = models.BigIntegerField(default=0)
    stored_reminders = models.BigIntegerField(default=0)
    word_bytes = models.BigIntegerField(default=0)
    daily_messages = models.BigIntegerField(default=0)

    class Meta:
        db_table = "accounts_usage"

    def __str__(self) -> str:
        return ", ".join(f"{name}: {getattr(self, name):,}" for name in COUNTED)
