"""The functions that the apps call in each other, in their order.

An app does not import those above it. It has a list that they fill, and this is the one place where
that is done, at the start of each process.
"""

from accounts import quotas
from accounts.account_data import closing, export
from accounts.models import pause, token, user
from accounts.security import sign_in_events, user_events
from notifications.account_data import closing as channel_closing
from notifications.account_data import export as channel_export
from notifications.channels import channel_use, dependents, enabling, verification
from notifications.explain import causes
from notifications.links import signed_links, verification_codes, views
from notifications.outbox import hold_rules
from reminders.account_data import closing as reminder_closing
from reminders.account_data import export as reminder_export
from reminders.actions import message_links, token_expiry
from reminders.explain import delivery_cause
from reminders.models import quota_cost
from reminders.reports import channel_dependents


def install() -> None:
    """Fill the lists of the apps; a second call changes nothing."""
    closing.closers[:] = [
        channel_closing.hold_channels,
        # Before the channels are deleted: this waits for a tick that is firing these reminders, and
        # close_channels then sees the messages that it has posted.
        reminder_closing.close_reminders,
        channel_closing.close_channels,
    ]
    export.sections[:] = [
        *export.SECTIONS,
        *channel_export.SECTIONS,
        *reminder_export.SECTIONS,
    ]
    user.followers[:] = [hold_rules.replan_owner]
    user.edit_followers[:] = [user_events.follow_save]
    token.token_event_followers[:] = [sign_in_events.follow_token]
    sign_in_events.connect()
    token.token_followers[:] = [token_expiry.sync_expiry_reminder]
    quotas.counters[:] = [channel_use.count_use, quota_cost.count_use]
    pause.new_pause_checks[:] = [quotas.check_new_pause]
    dependents.counters[:] = [channel_dependents.count]
    causes.register("occurrence", delivery_cause.describe)
    # By the prefix of the references of their messages.
    verify = verification_codes.PREFIX.rstrip(":")
    signed_links.register(verify, verification_codes.ACTIONS)
    views.register(verify, verification.describe, verification.act)
    signed_links.register(enabling.PREFIX, enabling.ACTIONS)
    views.register(enabling.PREFIX, enabling.describe, enabling.act)
    signed_links.register("occurrence", message_links.ACTIONS)
    views.register("occurrence", message_links.describe, message_links.act)
