"""Settings of django-allauth that no environment changes."""

ACCOUNT_ADAPTER = "accounts.sign_in.adapters.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
ACCOUNT_EMAIL_VERIFICATION_SUPPORTS_RESEND = True
ACCOUNT_PASSWORD_RESET_BY_CODE_ENABLED = True
# A mail may take longer than the three minutes that are usual.
ACCOUNT_PASSWORD_RESET_BY_CODE_TIMEOUT = 15 * 60
# The owner gets a mail about each change, so that no attacker takes over an account unnoticed.
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = "FOAM: "
ACCOUNT_SESSION_REMEMBER = True
# E-mail address, factors, first password and tokens ask for the password or a factor again.
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_FORMS = {"change_password": "accounts.sign_in.forms.PasswordForm"}
ACCOUNT_RATE_LIMITS = {"login_failed": "10/m/ip,5/5m/key"}
ACCOUNT_USERNAME_BLACKLIST = ["foam", "admin", "root", "staff"]

USERSESSIONS_TRACK_ACTIVITY = False
USERSESSIONS_ADAPTER = "accounts.sign_in.adapters.SessionsAdapter"

MFA_ADAPTER = "accounts.sign_in.adapters.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "FOAM"

# For programs that sign a person in by the API; pages have their own forms.
HEADLESS_CLIENTS = ("app",)
HEADLESS_SERVE_SPECIFICATION = False
HEADLESS_TOKEN_STRATEGY = "accounts.sign_in.idle.IdleTokenStrategy"  # noqa: S105  a class

SOCIALACCOUNT_ADAPTER = "accounts.sign_in.adapters.OidcAdapter"
# A verified address of the team's provider signs in to the account with that address.
SOCIALACCOUNT_EMAIL_AUTHENTICATION = True
SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT = True
SOCIALACCOUNT_EMAIL_VERIFICATION = "mandatory"
