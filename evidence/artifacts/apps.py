from django.apps import AppConfig


class ArtifactsConfig(AppConfig):
    name = "evidence.artifacts"
    label = "artifacts"
