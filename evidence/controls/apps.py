from django.apps import AppConfig


class ControlsConfig(AppConfig):
    name = "evidence.controls"
    label = "controls"
