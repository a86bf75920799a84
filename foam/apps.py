from django.apps import AppConfig


class FoamConfig(AppConfig):
    name = "foam"
