"""The app of the example: marks tests and has the reports printed."""

from django.apps import AppConfig


class MarkingConfig(AppConfig):
    name = "marking"
