"""Each guarantee, and how it is taken away: the table that `make mutations` goes through."""

from tools.mutations.mutation import PROJECT, Mutation
from tools.mutations.of_accounts import OF_ACCOUNTS
from tools.mutations.of_calendars import OF_CALENDARS
from tools.mutations.of_foam import OF_FOAM
from tools.mutations.of_installation import OF_INSTALLATION
from tools.mutations.of_notifications import OF_NOTIFICATIONS
from tools.mutations.of_reminders import OF_REMINDERS
from tools.mutations.of_requests import OF_REQUESTS
from tools.mutations.of_servers import OF_SERVERS

__all__ = ["MUTATIONS", "PROJECT", "Mutation"]

MUTATIONS = [
    *OF_ACCOUNTS,
    *OF_CALENDARS,
    *OF_FOAM,
    *OF_INSTALLATION,
    *OF_NOTIFICATIONS,
    *OF_REMINDERS,
    *OF_REQUESTS,
    *OF_SERVERS,
]
