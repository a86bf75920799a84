"""Events of a user's row, recorded and told by mail, from all faces."""

from collections.abc import Iterable, Mapping
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import Group, Permission
from django.utils import timezone

from accounts.audit.actor import Source, current_actor
from accounts.audit.records import Diff, shorten_text
from accounts.models import SYSTEM_USER_ID, User
from accounts.models.account_change import AccountChange, record_account_change
from accounts.security.access import end_access, end_sessions
from accounts.security.mails import is_told_by_allauth, tell_owner
from accounts.security.person import acting_person

Verb = AccountChange.Verb
PROFILE_FIELDS = ("username", "first_name", "last_name", "timezone")
RIGHT_FLAGS = ("is_staff", "is_superuser")


def follow_save(user: User, stored: Mapping[str, Any] | None, has_new_password: bool) -> None:
    """Record what a save has changed. `stored` has the row as it was; None for a new user."""
    if user.pk == SYSTEM_USER_ID:
        return
    with acting_person(user.pk):
        if stored is None:
            record_account_change(user.pk, Verb.CREATED)
        elif user.closed_at is not None:
            if stored["closed_at"] is None:
                _follow_closing(user, stored)
        else:
            _follow_edit(user, stored, has_new_password)


def _follow_closing(user: User, stored: Mapping[str, Any]) -> None:
    record_account_change(user.pk, Verb.CLOSED)
    if current_actor().source != Source.ACCOUNT:
        text = "Your account was closed for good, and what you wrote is erased."
        tell_owner(stored["email"], "Your account was closed", text)


def _follow_edit(user: User, stored: Mapping[str, Any], has_new_password: bool) -> None:
    email = stored["email"]
    if has_new_password:
        verb = Verb.PASSWORD_RESET if user.is_password_reset else Verb.PASSWORD_CHANGED
        record_account_change(user.pk, verb)
        end_access(user, timezone.now(), keeps_tokens=user.keeps_tokens)
        if not is_told_by_allauth():
            text = "Your account has a new password. API tokens, calendar addresses and sessions"
            tell_owner(email, "Your password was changed", f"{text} have ended with the old one.")
    edited = _changed_names(user, stored, PROFILE_FIELDS)
    if edited:
        record_account_change(user.pk, Verb.EDITED, detail=", ".join(edited))
    if user.email.lower() != email.lower():
        diff: Diff = {"email": [shorten_text(email), shorten_text(user.email)]}
        record_account_change(user.pk, Verb.EMAIL_CHANGED, diff=diff)
        if email and not is_told_by_allauth():
            text = f"The e-mail address of your account is now {user.email}."
            tell_owner(email, "Your e-mail address was changed", text)
    rights = [
        f"{name}: {getattr(user, name)}" for name in _changed_names(user, stored, RIGHT_FLAGS)
    ]
    if rights:
        _follow_rights(user, "; ".join(rights), email)
    if user.is_active != stored["is_active"]:
        _follow_switch(user, email)


def _changed_names(user: User, stored: Mapping[str, Any], names: Iterable[str]) -> list[str]:
    return [name for name in names if getattr(user, name) != stored[name]]


def _follow_switch(user: User, email: str) -> None:
    verb, state = (Verb.SWITCHED_ON, "on") if user.is_active else (Verb.SWITCHED_OFF, "off")
    record_account_change(user.pk, verb)
    if not user.is_active:
        end_sessions(user)
    text = f"Your account was switched {state}."
    if not user.is_active:
        text += " You cannot sign in, and FOAM sends nothing for it until it is switched on again."
    tell_owner(email, f"Your account was switched {state}", text)


def _follow_rights(user: User, detail: str, email: str) -> None:
    record_account_change(user.pk, Verb.RIGHTS_CHANGED, detail=detail)
    tell_owner(email, "Your rights were changed", f"Your rights in FOAM were changed: {detail}.")


# Signals of Django


def follow_memberships(sender: Any, instance: Any, action: str, **kwargs: Any) -> None:
    """Record groups and permissions that a user gets or loses, from either side."""
    verbs = {"post_add": "added", "post_remove": "removed", "pre_clear": "removed"}
    if action not in verbs:
        return
    ids, model = kwargs["pk_set"], kwargs["model"]
    if isinstance(instance, User):
        if instance.closed_at is not None:
            return
        name = "groups" if model is Group else "user_permissions"
        rows = getattr(instance, name).all() if ids is None else model.objects.filter(pk__in=ids)
        users = [instance]
    else:
        rows = [instance]
        users = list(User.objects.filter(pk__in=ids or instance.user_set.values("pk")))
    names = ", ".join(sorted(map(_right_name, rows)))
    if names:
        for user in users:
            with acting_person():
                _follow_rights(user, f"{verbs[action]}: {shorten_text(names)}", user.email)


def follow_group(sender: Any, instance: Any, action: str, **kwargs: Any) -> None:
    """Record permissions that a group gets or loses, for each of its members."""
    if action not in {"post_add", "post_remove", "pre_clear"} or not isinstance(instance, Group):
        return
    ids = kwargs["pk_set"]
    rows = instance.permissions.all()
    if ids is not None:
        rows = Permission.objects.filter(pk__in=ids)
    names = shorten_text(", ".join(sorted(map(_right_name, rows))))
    verb = "added" if action == "post_add" else "removed"
    for user in User.objects.filter(groups=instance) if names else ():
        with acting_person():
            _follow_rights(user, f"{verb} through the group {instance.name}: {names}", user.email)


def follow_group_deletion(sender: Any, instance: Any, **kwargs: Any) -> None:
    """Record for each member that a group is deleted, and its permissions with it."""
    for user in User.objects.filter(groups=instance):
        with acting_person():
            _follow_rights(user, f"removed: group {instance.name}, which was deleted", user.email)


def _right_name(row: Any) -> str:
    if isinstance(row, Permission):
        return f"{row.content_type.app_label}.{row.codename}"
    return f"group {row.name}"


def follow_factor(sender: Any, instance: Any, created: bool = False, **kwargs: Any) -> None:
    """Record a second factor that is added."""
    if created:
        is_codes = instance.type == Authenticator.Type.RECOVERY_CODES
        with acting_person(instance.user_id):
            verb = Verb.CODES_MADE if is_codes else Verb.FACTOR_ADDED
            record_account_change(instance.user_id, verb, detail="" if is_codes else instance.type)


def follow_factor_removal(sender: Any, instance: Any, origin: Any = None, **kwargs: Any) -> None:
    """Record a second factor that is removed, and mail its owner unless allauth does."""
    if isinstance(origin, User) or instance.user.closed_at is not None:
        return
    with acting_person(instance.user_id):
        record_account_change(instance.user_id, Verb.FACTOR_REMOVED, detail=instance.type)
        if not is_told_by_allauth() and instance.type != Authenticator.Type.RECOVERY_CODES:
            address = EmailAddress.objects.get_primary_email(instance.user)
            text = (
                "A second factor of your account was removed. You sign in without it from now on."
            )
            tell_owner(address or instance.user.email, "A second factor was removed", text)


def follow_team_account(sender: Any, instance: Any, created: bool = False, **kwargs: Any) -> None:
    """Record a sign-in by the team's provider that is connected to an account."""
    if created:
        with acting_person(instance.user_id):
            record_account_change(instance.user_id, Verb.TEAM_ACCOUNT_ADDED)


def follow_team_account_removal(
    sender: Any, instance: Any, origin: Any = None, **kwargs: Any
) -> None:
    """Record a sign-in by the team's provider that is taken from an account."""
    if not isinstance(origin, User) and instance.user.closed_at is None:
        with acting_person(instance.user_id):
            record_account_change(instance.user_id, Verb.TEAM_ACCOUNT_REMOVED)
