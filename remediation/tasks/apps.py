from django.apps import AppConfig


class TasksConfig(AppConfig):
    name = "remediation.tasks"
    label = "tasks"
