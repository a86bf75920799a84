from django.urls import path
from rest_framework.routers import SimpleRouter

from reminders.feed_api import FeedView
from reminders.views import OccurrenceViewSet, ReminderViewSet

router = SimpleRouter()
router.register("reminders", ReminderViewSet, basename="reminder")
router.register("occurrences", OccurrenceViewSet, basename="occurrence")

# Before the router, which would take it for the id of a reminder.
urlpatterns = [path("reminders/feed/", FeedView.as_view(), name="reminder-feed"), *router.urls]
