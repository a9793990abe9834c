"""Loads templates without the layout of their lines, once each: django-cotton compiles them, Django caches them."""

from __future__ import annotations

from django_cotton.cotton_loader import Loader as CottonLoader

from portal.web.whitespace import collapsed


class Loader(CottonLoader):
    """A template that is no HTML, such as a mail, keeps its lines."""

    def _get_template_string(self, template_name: str) -> str:
        source: str = super()._get_template_string(template_name)
        return collapsed(source) if template_name.endswith(".html") else source
