from rest_framework.routers import SimpleRouter

from reminders.views import OccurrenceViewSet, ReminderViewSet

router = SimpleRouter()
router.register("reminders", ReminderViewSet, basename="reminder")
router.register("occurrences", OccurrenceViewSet, basename="occurrence")

urlpatterns = router.urls
