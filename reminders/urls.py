from django.urls import path
from rest_framework.routers import SimpleRouter

from reminders.api.agenda import AgendaViewSet
from reminders.api.views import OccurrenceViewSet, ReminderViewSet
from reminders.exchange.api import ExportView, ImportView
from reminders.exchange.feed.api import FeedView

router = SimpleRouter()
router.register("reminders", ReminderViewSet, basename="reminder")
router.register("occurrences", OccurrenceViewSet, basename="occurrence")
router.register("agenda", AgendaViewSet, basename="agenda")

urlpatterns = [
    # Before the router, for which these would be ids.
    path("reminders/import/", ImportView.as_view(), name="reminder-import"),
    path("reminders/export/", ExportView.as_view(), name="reminder-export"),
    path("reminders/feed/", FeedView.as_view(), name="reminder-feed"),
    *router.urls,
]
