from __future__ import annotations

from typing import Any

from rest_framework import serializers

from .models import User


class CredentialsSerializer(serializers.Serializer[Any]):
    username = serializers.CharField(max_length=150)
    password = serializers.CharField(
        trim_whitespace=False, write_only=True, style={"input_type": "password"}
    )

    def validate_username(self, value: str) -> str:
        """Two ways to write one letter are one name, as on the sign-in page."""
        return User.normalize_username(value)[:150]


class RefreshSerializer(serializers.Serializer[Any]):
    refresh = serializers.CharField(help_text="The latest refresh token of this sign-in.")


class TokenPairSerializer(serializers.Serializer[Any]):
    access = serializers.CharField(help_text="Send it as `Authorization: Bearer <access>`.")
    refresh = serializers.CharField(help_text="Works once, for the next pair.")
    expires_in = serializers.IntegerField(help_text="Seconds the access token lives.")
