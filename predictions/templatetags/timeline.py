"""Moments as they stand beside one another."""

from __future__ import annotations

from django import template

from predictions.timeline import dated

register = template.Library()

register.filter(dated)
