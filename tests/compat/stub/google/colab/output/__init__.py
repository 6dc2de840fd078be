"""Colab's output: here only the widget manager for widgets that are not part of ipywidgets."""

from google.colab.output import _widgets
from google.colab.output._widgets import disable_custom_widget_manager, enable_custom_widget_manager

__all__ = ["_widgets", "disable_custom_widget_manager", "enable_custom_widget_manager"]
