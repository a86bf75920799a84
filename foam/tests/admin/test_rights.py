"""With one permission alone nobody gains, gives or takes a right, whatever they post."""

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.urls import NoReverseMatch, reverse

from accounts.models import ApiToken, User
from accounts.models.account_change import AccountChange
from conftest import confirm

pytestmark = pytest.mark.django_db

PASSWORD = "enigma-1843"
# What a form may send to gain something. Unknown fields of a form are not read.
FORM = {
    "username": "changed",
    "email": "changed@example.org",
    "name": "Changed",
    "timezone": "UTC",
    "is_superuser": "on",
    "is_staff": "on",
    "is_active": "",
    "usable_password": "true",
    "password1": "correct horse",
    "password2": "correct horse",
    "scopes": ["me:read"],
    "expires_at_0": "2030-01-01",
    "expires_at_1": "00:00:00",
    "_save": "Save",
}


@pytest.fixture
def world(staff):
    """Staff with nothing, a superuser with a token, a helper with a right, and a plain user."""
    group = Group.objects.create(name="Editors")
    group.permissions.add(Permission.objects.get(codename="change_user"))
    grace = staff
    helper = User.objects.create_user("helper", "helper@example.com", PASSWORD, is_staff=True)
    helper.groups.add(group)
    plain = User.objects.create_user("plain", "plain@example.com", PASSWORD)
    actor = User.objects.create_user("actor", "actor@example.com", PASSWORD, is_staff=True)
    ApiToken.issue(grace, "of grace")
    return {"grace": grace, "helper": helper, "plain": plain, "actor": actor, "group": group}


def rights():
    """Return all that decides what somebody may do, or how they get in, but for plain users."""
    result = {}
    for user in User.objects.order_by("pk"):
        powers = sorted(user.get_all_permissions())
        if user.is_staff or user.is_superuser or powers:
            fields = (user.is_superuser, user.is_staff, user.is_active, user.email, user.password)
            tokens = list(user.api_tokens.order_by("pk").values_list("revoked_at", "expires_at"))
            result[user.pk] = (*fields, powers, tokens if user.is_superuser else None)
    return result


def paths(model):
    """Yield the addresses of the admin of a model, with a form for each of its rows."""
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    for suffix in ("add", "changelist"):
        try:
            yield reverse(f"{name}_{suffix}")
        except NoReverseMatch:
            continue
    for pk in model._default_manager.values_list("pk", flat=True)[:10]:
        for suffix in ("change", "delete"):
            yield reverse(f"{name}_{suffix}", args=[pk])
        if model is User:
            yield reverse("admin:auth_user_password_change", args=[pk])


def post_all(client, model, world):
    ids = list(model._default_manager.values_list("pk", flat=True))
    form = {
        **FORM,
        "groups": [world["group"].pk],
        "permissions": list(Permission.objects.values_list("pk", flat=True)[:100]),
        "user_permissions": list(Permission.objects.values_list("pk", flat=True)[:100]),
    }
    for path in paths(model):
        client.post(path, {**form, "post": "yes"})
    model_admin = admin.site._registry[model]
    listed = f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"
    for action in ("delete_selected", *(model_admin.actions or ())):
        name = action if isinstance(action, str) else action.__name__
        answers = {"action": name, "_selected_action": ids, "confirmed": "yes", "post": "yes"}
        client.post(reverse(listed), answers)


MODELS = (User, Group, ApiToken)
ALONE = [
    f"{verb}_{model._meta.model_name}"
    for model in MODELS
    for verb in ("view", "add", "change", "delete")
]


def other_permissions():
    """Return the permissions of the models in the admin beside those tried one by one."""
    return Permission.objects.exclude(codename__in=ALONE)


@pytest.mark.parametrize("codename", [*ALONE, "all of them", "all others"])
def test_nobodys_rights_change_by_what_staff_can_post(world, codename):
    actor = world["actor"]
    selected = {"all of them": Permission.objects.all(), "all others": other_permissions()}
    actor.user_permissions.set(selected.get(codename, Permission.objects.filter(codename=codename)))
    if "_" in codename:
        model = codename.partition("_")[2]
        view = Permission.objects.filter(codename=f"view_{model}")
        actor.user_permissions.add(*view)
    client = Client()
    client.force_login(actor)
    confirm(client, actor)
    before = rights()
    for model in MODELS:
        post_all(client, model, world)
    after = rights()
    assert {pk: after.get(pk) for pk in before} == before
    # What was made is nobody with rights.
    assert set(after) == set(before)


def test_plain_users_are_still_changed_by_staff_with_that_permission(world):
    actor, plain = world["actor"], world["plain"]
    actor.user_permissions.add(
        *Permission.objects.filter(codename__in=["view_user", "change_user"])
    )
    client = Client()
    client.force_login(actor)
    path = reverse("admin:accounts_user_change", args=[plain.pk])
    client.post(path, {**FORM, "is_active": "on", "first_name": "Plain"})
    plain.refresh_from_db()
    assert (plain.first_name, plain.is_staff, plain.is_superuser) == ("Plain", False, False)
    assert AccountChange.objects.filter(account=plain, face="admin", verb="edited").exists()


def test_superuser_gives_rights_as_before(client, world):
    client.force_login(world["grace"])
    path = reverse("admin:accounts_user_change", args=[world["plain"].pk])
    form = {**FORM, "is_active": "on", "groups": [world["group"].pk]}
    assert client.post(path, form).status_code == 302
    plain = User.objects.get(pk=world["plain"].pk)
    assert plain.is_superuser
    assert plain.groups.exists()


def test_rows_left_out_of_a_bulk_action_are_told(world):
    actor = world["actor"]
    codenames = ["view_apitoken", "change_apitoken"]
    actor.user_permissions.add(*Permission.objects.filter(codename__in=codenames))
    own, plain = ApiToken.issue(actor, "own")[0], ApiToken.issue(world["plain"], "plain")[0]
    client = Client()
    client.force_login(actor)
    ids = list(ApiToken.objects.values_list("pk", flat=True))
    form = {"action": "revoke", "_selected_action": ids, "confirmed": "yes"}
    page = client.post(reverse("admin:accounts_apitoken_changelist"), form, follow=True)
    assert "only superusers change" in page.content.decode()
    revoked = ApiToken.objects.exclude(revoked_at=None).values_list("pk", flat=True)
    assert set(revoked) == {own.pk, plain.pk}


def test_own_password_in_the_admin_leads_to_the_page_that_counts_tries(client, staff):
    client.force_login(staff)
    for path in ("/admin/password_change/", f"/admin/accounts/user/{staff.pk}/password/"):
        for answer in (client.get(path), client.post(path, FORM)):
            assert answer["Location"] == "/account/password/change/"
    staff.refresh_from_db()
    assert staff.check_password(PASSWORD)


def test_own_address_is_not_changed_in_the_admin(client, staff):
    client.force_login(staff)
    path = reverse("admin:accounts_user_change", args=[staff.pk])
    answer = client.post(path, {**FORM, "is_active": "on"})
    assert "Change your own address at Account" in answer.content.decode()
    staff.refresh_from_db()
    assert staff.email == "grace@example.com"
