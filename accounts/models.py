"""People who use the product."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, ClassVar

from django.apps import apps
from django.contrib.auth.models import (
    AbstractBaseUser,
    BaseUserManager,
    Permission,
    PermissionsMixin,
)
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.db import connections, models
from django.db.models import Exists, F
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from .roles import ACCESS_ADMIN, ROLE_PERMISSIONS, Role


class UserManager(BaseUserManager["User"]):
    def create_user(self, username: str, password: str | None = None, **fields: Any) -> User:
        """A new person, without a role. Without a password they cannot sign in.

        Raises ValueError when the username is empty.
        """
        if not username:
            raise ValueError("A person needs a username.")
        fields["email"] = self.normalize_email(fields.get("email", ""))
        user = self.model(username=self.model.normalize_username(username), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, username: str, password: str | None = None, **fields: Any) -> User:
        """A new person who may do everything, whatever their role."""
        return self.create_user(username, password, **{**fields, "is_superuser": True})

    def load(self, pk: int | str, *, refresh: str | None = None) -> User:
        """The person and their role, and with it their permissions, in one query.

        Every request with a token or a session begins with this. `refresh` is the id of the refresh
        token that an access token came with: whether the person has signed out there since is then
        asked in the same query. Raises User.DoesNotExist, also for a `pk` that could be nobody's.
        """
        try:
            number = int(pk)
        except (TypeError, ValueError):
            number = 0
        sql, places, converted = _load_query(self.db, by_token=refresh is not None)
        rows: list[Any] = []
        if 0 < number < 2**63:
            with connections[self.db].cursor() as cursor:
                cursor.execute(sql, [{_PERSON: number, _TOKEN: refresh}.get(p, p) for p in places])
                rows = converted(cursor.fetchall())
        if not rows:
            raise self.model.DoesNotExist(f"There is no person {pk!r}.")
        names = [field.attname for field in self.model._meta.concrete_fields]
        user: User = self.model.from_db(self.db, names, rows[0][: len(names)])
        user.signed_out = refresh is not None and not rows[0][len(names)]
        user.__dict__["role"] = _role(row[-1] for row in rows)
        return user


class User(AbstractBaseUser, PermissionsMixin):
    """A person, or a system that uses the API.

    Whoever made a prediction stays in its record, so people are deactivated, never deleted.
    """

    username = models.CharField(
        _("username"),
        max_length=150,
        unique=True,
        help_text=_("At most 150 letters, digits and @ . + - _"),
        validators=[UnicodeUsernameValidator()],
        error_messages={"unique": _("Someone already has this username.")},
    )
    name = models.CharField(_("full name"), max_length=200, blank=True)
    email = models.EmailField(_("email address"), blank=True)
    is_active = models.BooleanField(
        _("active"),
        default=True,
        help_text=_("Clear this when someone leaves. What they did stays on record."),
    )
    date_joined = models.DateTimeField(_("member since"), default=timezone.now, editable=False)
    # A role is all that grants permissions; a second way would escape the table of roles.
    user_permissions = None  # type: ignore[assignment]

    objects: ClassVar[UserManager] = UserManager()

    signed_out = False
    """Whether the sign-in that this person was loaded by has been ended by them."""

    USERNAME_FIELD = "username"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        verbose_name = _("person")
        verbose_name_plural = _("people")
        ordering = ["username"]
        # Nobody may delete people, so there is no permission for it.
        default_permissions = ("add", "change", "view")
        permissions = [("access_admin", "Can open the admin site")]

    def __str__(self) -> str:
        return self.name or self.username

    def get_full_name(self) -> str:
        return self.name or self.username

    def get_short_name(self) -> str:
        return self.username

    @property
    def is_staff(self) -> bool:
        """Whether the Django admin opens for this person."""
        return self.is_active and self.has_perm(ACCESS_ADMIN)

    @cached_property
    def role(self) -> Role | None:
        """The one role of this person; `role.label` is its name in the reader's language."""
        return _role(group.name for group in self.groups.all())

    @property
    def permissions(self) -> frozenset[str]:
        """Every permission this person has, as "app_label.codename"."""
        if self.is_superuser:
            everything = Permission.objects.order_by().values_list(
                "content_type__app_label", "codename"
            )
            return frozenset(f"{app_label}.{codename}" for app_label, codename in everything)
        return ROLE_PERMISSIONS[self.role] if self.role else frozenset()

    def forget_role(self) -> None:
        """Read the role again when it is next asked for."""
        self.__dict__.pop("role", None)


def _role(group_names: Any) -> Role | None:
    names = set(group_names)
    return next((role for role in Role if role.value in names), None)


# No person's id, and no token's.
_PERSON, _TOKEN = 0, "-"


@cache
def _load_query(
    using: str, *, by_token: bool
) -> tuple[str, tuple[Any, ...], Callable[[list[Any]], list[Any]]]:
    """What `load` asks the database, its parameters, and what makes Python's values of a row: the
    person's fields in their order, with a token whether its sign-in is still known, then the name
    of a group. Of the parameters, `_PERSON` and `_TOKEN` hold a place.

    Putting it together each time would take longer than the answer, and so does a raw query, which
    looks up its columns' names again for each answer.
    """
    people = User.objects.order_by().filter(pk=_PERSON)
    if by_token:
        tokens = apps.get_model("token_blacklist", "OutstandingToken").objects
        people = people.annotate(signed_in=Exists(tokens.filter(jti=_TOKEN)))
    people = people.annotate(group=F("groups__name"))
    compiler = people.query.get_compiler(using)
    sql, places = compiler.as_sql()
    converters = compiler.get_converters([expression for expression, *_ in compiler.select])

    def converted(rows: list[Any]) -> list[Any]:
        return list(compiler.apply_converters(rows, converters)) if converters else rows

    return str(sql), tuple(places), converted
