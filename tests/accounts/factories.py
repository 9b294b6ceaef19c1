"""Makes people. They have no password unless a test gives one, because hashing is slow."""

from __future__ import annotations

import factory
from django.contrib.auth.hashers import make_password

from accounts.models import User
from accounts.roles import Role, assign_role


class UserFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = User

    username = factory.Sequence(lambda n: f"person{n}")
    name = factory.LazyAttribute(lambda person: person.username.title())
    email = factory.LazyAttribute(lambda person: f"{person.username}@example.com")
    password = factory.LazyFunction(lambda: make_password(None))

    @classmethod
    def _create(cls, model_class, *args, **kwargs):
        if not kwargs["password"].startswith("!"):
            kwargs["password"] = make_password(kwargs["password"])
        return super()._create(model_class, *args, **kwargs)


def make_person(role: Role | str | None = None, **fields) -> User:
    """A person with this role; `password` is given in clear."""
    person = UserFactory(**fields)
    if role is not None:
        assign_role(person, role)
    return person
