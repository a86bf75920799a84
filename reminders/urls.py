from django.urls import path
from rest_framework.routers import SimpleRouter

from reminders.exchange.views import ExportView, ImportView
from reminders.feed_api import FeedView
from reminders.views import OccurrenceViewSet, ReminderViewSet

router = SimpleRouter()
router.register("reminders", ReminderViewSet, basename="reminder")
router.register("occurrences", OccurrenceViewSet, basename="occurrence")

urlpatterns = [
    # Before the router, for which these would be ids.
    path("reminders/import/", ImportView.as_view(), name="reminder-import"),
    path("reminders/export/", ExportView.as_view(), name="reminder-export"),
    path("reminders/feed/", FeedView.as_view(), name="reminder-feed"),
    *router.urls,
]
