"""The switch for other people's widgets. Colab shows one only if its output says where the widget manager comes from."""

VIEW = "application/vnd.jupyter.widget-view+json"
_installed_url = None  # anywidget reads it


def enable_custom_widget_manager():
    _switch("https://ssl.gstatic.com/colaboratory-static/widgets/stand-in/manager.min.js")


def disable_custom_widget_manager():
    _switch(None)


def _switch(url):
    global _installed_url
    from IPython import get_ipython

    if get_ipython() is not None and bool(url) != bool(_installed_url):  # outside a notebook nothing is published
        publisher = get_ipython().display_pub
        (publisher.register_hook if url else publisher.unregister_hook)(_tell_the_page)
    _installed_url = url


def _tell_the_page(message):
    """Add the manager's address to what display() sends. What a cell's last line sends does not pass here."""
    content = message.get("content") or {}
    if VIEW in content.get("data", {}):
        address = {"custom_widget_manager": {"url": _installed_url}}
        content.setdefault("metadata", {}).setdefault(VIEW, {})["colab"] = address
    return message
