from django.apps import AppConfig


class RetentionConfig(AppConfig):
    name = "evidence.retention"
    label = "retention"
