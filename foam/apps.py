from django.apps import AppConfig
from django.conf import settings


class FoamConfig(AppConfig):
    name = "foam"

    def ready(self) -> None:
        # Models can be imported from here on.
        from foam import hooks  # noqa: PLC0415

        hooks.install()
        # Web, workers and beat all come by here.
        if settings.SENTRY_DSN:
            from foam.monitoring import sentry  # noqa: PLC0415  It may ask for what is not installed.

            sentry.start(settings.SENTRY_DSN, settings.FOAM_ENV)
