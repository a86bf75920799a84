"""Django admin of users, tokens and pauses, and the base classes of all admin pages."""

from accounts.admin import pauses as pauses
from accounts.admin import tokens as tokens
from accounts.admin import users as users
