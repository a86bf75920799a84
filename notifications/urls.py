from rest_framework.routers import SimpleRouter

from notifications.api.views import ChannelViewSet, DeliveryViewSet, InboxViewSet

router = SimpleRouter()
router.register("channels", ChannelViewSet, basename="channel")
router.register("deliveries", DeliveryViewSet, basename="delivery")
router.register("inbox", InboxViewSet, basename="inbox")

urlpatterns = router.urls
