from rest_framework.routers import SimpleRouter

from reminders.views import ReminderViewSet

router = SimpleRouter()
router.register("reminders", ReminderViewSet, basename="reminder")

urlpatterns = router.urls
