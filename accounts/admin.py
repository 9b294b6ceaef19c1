"""People and roles in the Django admin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.contrib.auth.models import Group
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken

from . import demo
from .models import User
from .roles import Role, assign_role

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


class RoleField(forms.ChoiceField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            label=_("Role"),
            choices=[("", _("No role: no page opens")), *Role.choices],
            required=False,
            **kwargs,
        )


class PersonForm(UserChangeForm):  # type: ignore[type-arg]
    role = RoleField()

    class Meta(UserChangeForm.Meta):
        model = User
        fields = ("username", "password", "name", "email", "is_active")  # type: ignore[assignment]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "role" in self.fields:
            self.fields["role"].initial = self.instance.role or ""


class NewPersonForm(AdminUserCreationForm):  # type: ignore[type-arg]
    role = RoleField()

    class Meta(AdminUserCreationForm.Meta):
        model = User
        fields = ("username", "name", "email")


class RoleFilter(admin.SimpleListFilter):
    title = _("role")
    parameter_name = "role"
    without_role = "none"

    def lookups(
        self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]
    ) -> list[tuple[str, StrOrPromise]]:
        return [*Role.choices, (self.without_role, _("No role yet"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> QuerySet[User]:
        role = self.value()
        if role == self.without_role:
            return queryset.exclude(groups__name__in=Role.values)
        return queryset.filter(groups__name=role) if role else queryset


@admin.register(User)
class PersonAdmin(DjangoUserAdmin):  # type: ignore[type-arg]
    form = PersonForm
    add_form = NewPersonForm
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        (_("Person"), {"fields": ("name", "email")}),
        (_("Access"), {"fields": ("role", "is_active")}),
        (_("Dates"), {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = (
        (
            None,
            {
                "classes": ("wide",),
                "fields": (
                    "username",
                    "name",
                    "email",
                    "role",
                    "usable_password",
                    "password1",
                    "password2",
                ),
            },
        ),
    )
    list_display = ("username", "name", "role", "is_active", "last_login")
    list_filter = ("is_active", RoleFilter)
    search_fields = ("username", "name", "email")
    filter_horizontal = ()
    readonly_fields = ("last_login", "date_joined")
    actions = None

    @admin.display(description=_("role"), ordering="groups__name")
    def role(self, user: User) -> str:
        return str(user.role.label) if user.role else "–"

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return super().get_queryset(request).prefetch_related("groups")

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        # Nobody can lock themselves out by mistake.
        own = ("role", "is_active") if obj == request.user else ()
        return (*super().get_readonly_fields(request, obj), *own)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        if isinstance(obj, User) and settings.DEMO and obj.username in demo.DEMO_ROLES:
            return False  # whoever visits next signs in with it too
        # Else an administrator could set a superuser's password, and become one.
        if isinstance(obj, User) and obj.is_superuser and not request.user.is_superuser:
            return False
        return super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def save_model(
        self, request: HttpRequest, obj: User, form: forms.ModelForm[User], change: bool
    ) -> None:
        super().save_model(request, obj, form, change)
        if "role" in form.cleaned_data:
            assign_role(obj, form.cleaned_data["role"] or None)


admin.site.unregister(Group)
# A token's row means nothing to a reader, and its actions are the API's.
admin.site.unregister(OutstandingToken)
admin.site.unregister(BlacklistedToken)


@admin.register(Group)
class RoleAdmin(DjangoGroupAdmin):
    """Roles are looked up here; what they may do is written in `accounts.roles` alone."""

    fields = ("name", "permissions")
    list_display = ("name",)
    actions = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False
