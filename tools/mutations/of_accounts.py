"""Guarantees of accounts."""

from tools.mutations.mutation import Edit, Mutation, edit, without_constraint
from tools.mutations.paths import (
    ACCOUNTS_INITIAL,
    ADAPTERS,
    ADMIN_SITE,
    ANSWERS,
    API,
    API_TOKEN,
    AUTHENTICATION,
    CACHE,
    CLOSED_ACCOUNTS_SQL,
    CLOSING,
    CONDITIONAL,
    GUNICORN_WORKER,
    IDEMPOTENCY,
    IDEMPOTENCY_KEY,
    LEASE,
    LIMITS,
    REPORT,
    SWITCHED_OFF_SQL,
    TEST_ADMIN_LISTS,
    TEST_API_RACES,
    TEST_BULK,
    TEST_CACHE,
    TEST_CHANNEL_PAUSING,
    TEST_CLOSING,
    TEST_CLOSING_ALONE,
    TEST_CONDITIONAL,
    TEST_EDITS,
    TEST_FEED,
    TEST_FRONT,
    TEST_IDEMPOTENCY,
    TEST_ISOLATION,
    TEST_LIMITS,
    TEST_OIDC,
    TEST_PAUSING,
    TEST_RESTORE,
    TEST_SIGN_IN,
    TEST_SWITCHED_OFF,
    TEST_TOKEN_API,
    TEST_TOKEN_RACES,
    TOKENS,
    TRANSITIONS,
)

TEST_REAUTHENTICATION = "accounts/tests/sign_in/test_reauthentication.py"
TEST_END_OF_ACCESS = "accounts/tests/test_end_of_access.py"
TEST_RIGHTS = "foam/tests/admin/test_rights.py"

OF_ACCOUNTS = [
    Mutation(
        "P9",
        "isolation: what is another's is found",
        edit(
            "accounts/api/base.py",
            "self.model.objects.owned_by(self.request.user)",
            "self.model.objects.all()",
        ),
        [TEST_ISOLATION],
    ),
    Mutation(
        "P9",
        "isolation: another's row is shown",
        edit(
            "accounts/api/row_views.py",
            "view.model.objects.owned_by(OWNER).filter(pk=PK)",
            "view.model.objects.filter(pk=PK)",
        ),
        [TEST_ISOLATION],
    ),
    Mutation(
        "P9",
        "isolation: another's rows are listed",
        edit(
            "accounts/api/row_views.py",
            "    rows = view.model.objects.owned_by(OWNER)\n",
            "    rows = view.model.objects.all()\n",
        ),
        [TEST_ISOLATION],
    ),
    Mutation(
        "P9",
        "scope: no token is asked for one",
        edit(
            "accounts/api/authentication.py", "return needed in request.auth.scopes", "return True"
        ),
        [TEST_ISOLATION],
    ),
    Mutation(
        "P9",
        "scope: whoever may read may write",
        edit("accounts/api/authentication.py", "'read' if is_read else 'write'", "'read'"),
        ["accounts/tests/test_tokens.py"],
    ),
    Mutation(
        "P10",
        "token: good after it was revoked",
        edit(
            API_TOKEN,
            "            revoked_at=None,\n            user__is_active=True,\n",
            "            user__is_active=True,\n",
        ),
        [TEST_ISOLATION],
    ),
    Mutation(
        "P10",
        "token: good after it has expired",
        edit(
            API_TOKEN,
            "            models.Q(expires_at=None) | models.Q(expires_at__gt=now),\n"
            "            revoked_at=None,\n",
            "            revoked_at=None,\n",
        ),
        [TEST_ISOLATION],
    ),
    Mutation(
        "P10",
        "token: good though its user is not active",
        edit(API_TOKEN, "            user__is_active=True,\n"),
        [TEST_ISOLATION],
    ),
    Mutation(
        "P10",
        "quota: all rows beyond it are stored",
        edit(
            "accounts/quotas.py",
            "cost.get(n, 0) and use[n] > limits[n]",
            "cost.get(n, 0) and use[n] < 0",
        ),
        ["reminders/tests/test_quotas.py"],
    ),
    Mutation(
        "P10",
        "quota: an edit adds nothing",
        edit("reminders/models/reminder_quotas.py", "quotas.grow(reminder.owner_id,", "print("),
        ["reminders/tests/test_quotas.py"],
    ),
    Mutation(
        "P10",
        "mails: each address has the budget of its spelling",
        edit(
            "accounts/email_addresses.py",
            '.casefold().partition("+")[0] or',
            " or",
        ),
        ["foam/tests/security/test_budgets.py"],
    ),
    Mutation(
        "P10",
        "mails: the budget does not end",
        edit("accounts/models/mail_budget.py", "if len(times) >= limit:", "if not limit:"),
        ["foam/tests/security/test_budgets.py"],
    ),
    Mutation(
        "P10",
        "cost: seconds are not charged",
        edit(LIMITS, "if seconds >= FREE_SECONDS:", "if seconds < 0:"),
        ["foam/tests/api/test_request_cost.py"],
    ),
    Mutation(
        "P10",
        "token: gives a scope that it lacks",
        edit(TOKENS, "if scope not in stored.scopes]", "if scope not in Scope.values]"),
        [TEST_TOKEN_API],
    ),
    Mutation(
        "P10",
        "token: makes one that outlives it",
        edit(TOKENS, "if stored.expires_at is not None and (", "if stored.revoked_at and ("),
        [TEST_TOKEN_API],
    ),
    Mutation(
        "P10",
        "token: revoked since it asked, and makes one",
        edit(TOKENS, "rows.valid(now).filter(pk=creator.pk)", "rows.filter(pk=creator.pk)"),
        [TEST_TOKEN_API],
    ),
    Mutation(
        "P10",
        "token: those who make one at once do not count each other",
        edit(
            TOKENS,
            "User.objects.select_for_update(no_key=True).get",
            "User.objects.get",
        ),
        [TEST_TOKEN_RACES],
    ),
    Mutation(
        "API",
        "idempotency: a repeat acts again",
        edit(
            IDEMPOTENCY,
            "OR (k.status IS NULL AND k.leased_until <= %(now)s",
            "OR (k.status IS NOT NULL",
        ),
        [TEST_IDEMPOTENCY],
    ),
    Mutation(
        "API",
        "idempotency: a key is not unique",
        [
            without_constraint(ACCOUNTS_INITIAL, "accounts_idempotencykey_once"),
            Edit(
                IDEMPOTENCY,
                "ON CONFLICT (user_id, key) DO UPDATE SET fingerprint = EXCLUDED.fingerprint,",
                "ON CONFLICT (id) DO UPDATE SET fingerprint = EXCLUDED.fingerprint,",
            ),
        ],
        [TEST_IDEMPOTENCY],
    ),
    Mutation(
        "API",
        "idempotency: the effect is kept without its answer",
        edit(
            API,
            "idempotency.run_once_leased if self._is_talking else idempotency.run_once",
            "idempotency.run_once_leased",
        ),
        [TEST_IDEMPOTENCY],
    ),
    Mutation(
        "API",
        "idempotency: another body gets the answer of the first",
        edit(
            IDEMPOTENCY, "first is not None and first.fingerprint != request.fingerprint", "False"
        ),
        [TEST_IDEMPOTENCY],
    ),
    Mutation(
        "API",
        "idempotency: the lease of who died does not run out",
        edit(IDEMPOTENCY, "k.leased_until <= %(now)s", "k.leased_until <= %(old)s"),
        [TEST_IDEMPOTENCY],
    ),
    Mutation(
        "P10",
        "idempotency: an answer with a secret is stored as it is",
        edit(IDEMPOTENCY_KEY, "body = EncryptedTextField(blank=True)", "body = models.TextField()"),
        [TEST_IDEMPOTENCY],
    ),
    Mutation(
        "API",
        "tag: of the version alone",
        edit(API, "f'\"{edition}-{tag}\"' if edition", "f'\"{edition}\"' if edition"),
        [TEST_CONDITIONAL],
    ),
    Mutation(
        "API",
        "If-Match: what it was compared with is not locked",
        edit(CONDITIONAL, "_base_manager.select_for_update(no_key=True)", "_base_manager.all()"),
        [TEST_API_RACES],
    ),
    Mutation(
        "API",
        "limits: a request that is refused counts",
        edit(LIMITS, "if allowed and cost > 0 then", "if cost > 0 then"),
        [TEST_LIMITS],
    ),
    Mutation(
        "API",
        "limits: without Redis nothing goes on",
        edit(
            LIMITS,
            "except RedisError as error:\n            self.went_down(error)\n            return",
            "except KeyError as error:\n            self.went_down(error)\n            return",
        ),
        [TEST_LIMITS],
    ),
    Mutation(
        "P9",
        "sign in: what is added at once is new to all",
        edit(CACHE, 'ADD_SQL = SET_SQL + "WHERE c.expires <= %(now)s"', "ADD_SQL = SET_SQL"),
        [TEST_CACHE],
    ),
    Mutation(
        "P9",
        "sign in: another port of the host is another count",
        edit(ADAPTERS, "return login.lower()", 'return f"{request.get_host()}:{login.lower()}"'),
        [TEST_SIGN_IN],
    ),
    Mutation(
        "P9",
        "staff: a session from before need not show its factor",
        edit(ADMIN_SITE, "not has_shown_second_factor(request))", "False)"),
        [TEST_SIGN_IN],
    ),
    Mutation(
        "P9",
        "staff: the second factor is a matter of the page that redirects only",
        edit(
            ADMIN_SITE,
            "return is_sign_out(request) or not lacks_second_factor(request)",
            "return True",
        ),
        [f"{TEST_FRONT}::test_site_gives_no_permission_without_the_factor"],
    ),
    Mutation(
        "P9",
        "front: gunicorn believes a header that moves the path",
        edit(
            GUNICORN_WORKER,
            '        cfg.set("forwarder_headers", "")\n',
            "        pass\n",
        ),
        [f"{TEST_FRONT}::test_worker_believes_no_header_of_its_peers"],
    ),
    Mutation(
        "P10",
        "second factor: stored as it is",
        edit(ADAPTERS, "return encryption.encrypt(text)", "return text"),
        [TEST_SIGN_IN],
    ),
    Mutation(
        "P9",
        "team account: an address that nobody has verified",
        edit(ADAPTERS, "if not verified:", "if False:"),
        [TEST_OIDC],
    ),
    Mutation(
        "P10",
        "closing: something is made for a closed account",
        edit(CLOSED_ACCOUNTS_SQL, "IF closed IS NOT NULL THEN", "IF FALSE THEN"),
        [TEST_CLOSING],
    ),
    Mutation(
        "P10",
        "closing: what is just being made is not looked for again",
        edit(
            CLOSING,
            "        for closer in closers:\n            closer(user, now)\n        _erase",
            "        _erase",
        ),
        [TEST_CLOSING],
    ),
    Mutation(
        "P10",
        "closing: two superusers do not wait for each other",
        edit(CLOSING, "active.select_for_update(no_key=True)", "active"),
        [TEST_CLOSING_ALONE],
    ),
    Mutation(
        "P10",
        "feed: the token of a program opens one",
        edit(API_TOKEN, "self.filter(scopes=[Scope.CALENDAR_READ])", "self.all()"),
        [TEST_FEED],
    ),
    Mutation(
        "P10",
        "feed: its secret opens the API",
        edit(AUTHENTICATION, ".for_api()"),
        [TEST_FEED],
    ),
    Mutation(
        "P10",
        "feed: its scope may stand beside others",
        edit(ACCOUNTS_INITIAL, '("scopes", ["calendar:read"])', '("scopes__isnull", False)'),
        [TEST_FEED],
    ),
    Mutation(
        "admin",
        "bulk: a row that raises ends the action",
        edit(REPORT, "Exception:\n            label", "ZeroDivisionError:\n            label"),
        [TEST_BULK],
    ),
    Mutation(
        "admin",
        "bulk: a row that raises leaves what it had begun",
        edit(
            REPORT,
            "with transaction.atomic():\n                return act()",
            "if True:\n                return act()",
        ),
        [TEST_BULK],
    ),
    Mutation(
        "admin",
        "bulk: as many as are chosen",
        edit(REPORT, " if len(ids) <= most else None\n", "\n"),
        [TEST_BULK],
    ),
    Mutation(
        "admin",
        "confirmation: an action acts before it has asked",
        edit(
            "accounts/admin/confirmation.py",
            "if is_confirmed and (bound is None",
            "if (bound is None",
        ),
        [f"{TEST_BULK}::test_action_asks_first_and_changes_nothing"],
    ),
    Mutation(
        "admin",
        "edits: an outdated form is saved",
        edit(
            "accounts/admin/edits.py",
            "        elif self.instance.pk is not None:\n            self._refuse_outdated()\n",
        ),
        [TEST_EDITS],
    ),
    Mutation(
        "admin",
        "edits: an edition that cannot be read is a current one",
        edit(
            "accounts/admin/edits.py",
            "shown_digests.get(name) != digest",
            "known.get(name, digest(self.stored[name])) != digest",
        ),
        [TEST_EDITS],
    ),
    Mutation(
        "admin",
        "restore: a reminder of a closed account comes back from the list",
        edit(
            "reminders/actions/bulk.py",
            "for row in reminders if _is_erased(row)",
            "for row in []",
        ),
        [TEST_RESTORE],
    ),
    Mutation(
        "admin",
        "restore: a reminder whose channels are deleted leads nowhere",
        edit(
            TRANSITIONS,
            "    for reminder in _without_channels(restored):\n",
            "    for reminder in []:\n",
        ),
        [TEST_RESTORE],
    ),
    Mutation(
        "admin",
        "lists: all rows are counted",
        edit(
            "accounts/admin/changelist.py",
            "        count = rows.order_by()[: MAX_COUNTED + 1].count()\n",
            "        count = rows.count()\n",
        ),
        [TEST_ADMIN_LISTS],
    ),
    Mutation(
        "admin",
        "lists: a title is looked for in all rows",
        edit(
            "accounts/admin/search.py",
            "    return rows.filter(pk__gt=last_excluded[0]) if last_excluded else rows\n",
            "    return rows\n",
        ),
        [TEST_ADMIN_LISTS],
    ),
    Mutation(
        "admin",
        "lists: there is no time limit",
        edit(
            "accounts/admin/changelist.py",
            """[f"{QUERY_TIMEOUT_SECONDS}s"]""",
            """["0"]""",
        ),
        [TEST_ADMIN_LISTS],
    ),
    Mutation(
        "pause",
        "pause: two of a kind at once",
        [without_constraint(ACCOUNTS_INITIAL, "accounts_pause_one_open")],
        [f"{TEST_PAUSING}::test_database_has_one_open_pause_of_a_kind"],
    ),
    Mutation(
        "pause",
        "switched off: only a user who is made so is paused",
        edit(SWITCHED_OFF_SQL, "INSERT OR UPDATE OF is_active ON", "INSERT ON"),
        [f"{TEST_SWITCHED_OFF}::test_whatever_switches_off_pauses_once"],
    ),
    Mutation(
        "pause",
        "switched off: a user who is made so is not paused",
        edit(SWITCHED_OFF_SQL, "INSERT OR UPDATE OF is_active ON", "UPDATE OF is_active ON"),
        [f"{TEST_SWITCHED_OFF}::test_user_who_is_made_switched_off_is_paused"],
    ),
    Mutation(
        "pause",
        "switched off: each save begins one more pause",
        [without_constraint(ACCOUNTS_INITIAL, "accounts_pause_one_of_account")],
        [f"{TEST_SWITCHED_OFF}::test_whatever_switches_off_pauses_once"],
    ),
    Mutation(
        "pause",
        "switched off: the pause stays when the account is switched on",
        edit(SWITCHED_OFF_SQL, "AND owner_id = NEW.id AND ended_at IS NULL;", "AND FALSE;"),
        [f"{TEST_SWITCHED_OFF}::test_due_reminder_is_not_sent_and_goes_on_when_switched_on"],
    ),
    Mutation(
        "pause",
        "switched off: a pause that the owner made stands in its way",
        edit(
            ACCOUNTS_INITIAL,
            '                            models.Q(("scope", "account"), _negated=True),\n',
        ),
        [f"{TEST_SWITCHED_OFF}::test_pause_that_the_owner_made_survives"],
    ),
    Mutation(
        "pause",
        "switched off: FOAM's own user as well",
        edit(SWITCHED_OFF_SQL, "WHEN (NEW.id <> 0 AND ", "WHEN ("),
        [f"{TEST_SWITCHED_OFF}::test_canary_goes_on"],
    ),
    Mutation(
        "pause",
        "switched off: a closed account as well",
        edit(
            SWITCHED_OFF_SQL, "WHEN (NEW.id <> 0 AND NEW.closed_at IS NULL)", "WHEN (NEW.id <> 0)"
        ),
        [f"{TEST_SWITCHED_OFF}::test_closed_account_has_no_pause_left"],
    ),
    Mutation(
        "pause",
        "switched off: workers send what was queued before",
        edit(LEASE, ") THEN 'cancelled' END", ") AND FALSE THEN 'cancelled' END"),
        [
            f"{TEST_SWITCHED_OFF}::test_queued_message_is_cancelled_when_its_turn_comes",
            "foam/tests/races/test_pause_races.py::test_tick_that_commits_after_a_switch_off_has_nothing_sent",
        ],
    ),
    Mutation(
        "pause",
        "switched off: the lease asks for each owner though no account is",
        edit(
            LEASE,
            "THEN 'dead' WHEN EXISTS (\n"
            "    SELECT 1 FROM accounts_pause WHERE scope = 'account' AND ended_at IS NULL\n"
            ") AND EXISTS (",
            "THEN 'dead' WHEN EXISTS (",
        ),
        [
            f"{TEST_CHANNEL_PAUSING}::test_lease_asks_for_the_owner_of_what_is_due_only_while_an_account_is_off"
        ],
    ),
    Mutation(
        "pause",
        "switched off: the pause can be ended by hand",
        edit("accounts/models/pause.py", ".exclude(scope=self.Scope.ACCOUNT)\n", "\n"),
        [f"{TEST_SWITCHED_OFF}::test_pause_of_an_account_is_neither_begun_nor_ended_by_hand"],
    ),
    Mutation(
        "pause",
        "switched off: a link in a message is answered",
        edit(ANSWERS, "if not channel.owner.is_active:", "if False:"),
        [f"{TEST_SWITCHED_OFF}::test_links_of_its_messages_answer_nothing_but_not_me"],
    ),
    Mutation(
        "pause",
        "switched off: a dead message is queued again, and cancelled",
        edit("notifications/operations/retry_dead.py", ", owner__is_active=True"),
        [f"{TEST_SWITCHED_OFF}::test_dead_message_stays_dead_and_can_be_retried_when_switched_on"],
    ),
    Mutation(
        "history",
        "history: the API does not say who is at work",
        edit(API, "        handler = acting_as(_actor_of(request))(handler)\n"),
        ["reminders/tests/api/test_who.py"],
    ),
    Mutation(
        "security",
        "e-mail address: a session alone changes it",
        edit(
            "accounts/sign_in/allauth_settings.py", "ACCOUNT_REAUTHENTICATION_REQUIRED = True", ""
        ),
        [TEST_REAUTHENTICATION],
    ),
    Mutation(
        "security",
        "e-mail address: the old one is not told before the change",
        edit(
            ADAPTERS,
            "            email_change.tell_old_address(request.user, address.email)\n",
            "            pass\n",
        ),
        [TEST_REAUTHENTICATION],
    ),
    Mutation(
        "security",
        "e-mail address: a later link locks its owner out",
        edit("accounts/security/email_change.py", ", detail__lte=stop.asked_at", ""),
        [
            f"{TEST_REAUTHENTICATION}::test_link_to_the_thiefs_own_address_does_not_lock_the_owner_out"
        ],
    ),
    Mutation(
        "security",
        "tokens: a session makes one without confirming",
        edit("accounts/api/views.py", "        check_confirmed(request)\n"),
        [f"{TEST_REAUTHENTICATION}::test_token_or_feed_in_a_session_is_refused_until_confirmed"],
    ),
    Mutation(
        "security",
        "password: tokens outlive it",
        edit(
            "accounts/security/user_events.py",
            "        end_access(user, timezone.now(), keeps_tokens=user.keeps_tokens)\n",
        ),
        [TEST_END_OF_ACCESS],
    ),
    Mutation(
        "security",
        "tokens: children outlive their parent",
        edit(API_TOKEN, "set() if keeps_children else {self.pk}", "set()"),
        [f"{TEST_END_OF_ACCESS}::test_revoked_token_ends_those_that_it_made"],
    ),
    Mutation(
        "security",
        "rights: staff change rows of people who have some",
        edit(
            "accounts/admin/rights.py",
            "not User.objects.filter(with_rights(), pk=user.pk).exists()",
            "True",
        ),
        [TEST_RIGHTS],
    ),
    Mutation(
        "security",
        "rights: staff give what they do not have",
        edit("accounts/admin/users.py", "() if request.user.is_superuser else RIGHT_FIELDS", "()"),
        [TEST_RIGHTS],
    ),
    Mutation(
        "security",
        "rights: staff choose the permissions of a group",
        edit(
            "accounts/admin/users.py", '() if request.user.is_superuser else ("permissions",)', "()"
        ),
        [TEST_RIGHTS],
    ),
    Mutation(
        "security",
        "rights: bulk actions reach rows of superusers",
        edit(
            "accounts/admin/rights.py", "            queryset = queryset.exclude(pk__in=guarded)\n"
        ),
        [TEST_RIGHTS],
    ),
    Mutation(
        "security",
        "security log: saves of a user are not followed",
        edit(
            "foam/hooks.py",
            "edit_followers[:] = [user_events.follow_save]",
            "edit_followers[:] = []",
        ),
        ["accounts/tests/test_security_log.py", "accounts/tests/test_owner_mails.py"],
    ),
    Mutation(
        "security",
        "sign-up: a known address is answered sooner",
        edit("accounts/sign_in/forms.py", '    make_password("an address that has an account")\n'),
        ["accounts/tests/sign_in/test_enumeration.py"],
    ),
    Mutation(
        "security",
        "second factor: the code of enrolment signs in",
        edit("accounts/sign_in/forms.py", "if not totp._mark_code_used(code):", "if False:"),
        [f"{TEST_SIGN_IN}::test_code_that_enrolled_an_app_signs_nobody_in"],
    ),
    Mutation(
        "security",
        "sessions: none ends by itself",
        edit("accounts/sign_in/idle.py", "return is_idle or", "return False and"),
        ["accounts/tests/sign_in/test_idle.py"],
    ),
]
