"""Django admin of users, tokens and pauses, and what all admin pages share."""

from accounts.admin import users as users
