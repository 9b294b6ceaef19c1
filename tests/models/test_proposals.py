"""A model is put to work with care: by two people where there are two, and on record."""

from __future__ import annotations

import threading

import pytest
from django.db import IntegrityError, connection, transaction

from accounts.models import User
from accounts.roles import Role
from mlcore import registry, services
from mlcore.engine.artifact import ArtifactError
from mlcore.engine.operating import OperatingPoint
from mlcore.models import Activation, ActivationProposal, Basis
from mlcore.services import RefusedError
from tests.accounts.factories import make_person


@pytest.fixture
def frank(db):
    return make_person(Role.ADMINISTRATOR, username="frank")


@pytest.fixture
def spring(make_model):
    spring = make_model("spring")
    services.activate(version=spring, reason="the first")
    return spring


@pytest.fixture
def summer(spring, make_model):
    return make_model("summer")


def propose(version, by, reason="better on our own people"):
    return services.propose_activation(version=version, reason=reason, by=by)


class TestWhatWasShown:
    """An approval is of the operating point that was read."""

    @pytest.fixture
    def proposal(self, summer, carol, frank):
        return propose(summer, carol)

    def decide(self, version, by):
        return services.decide_operating_point(
            version=version,
            point=OperatingPoint((0.1, 0.2, 0.3)),
            basis=Basis.COST,
            basis_value=4.0,
            reason="x",
            by=by,
        )

    def test_a_point_set_meanwhile_stops_an_approval(self, proposal, summer, carol, frank):
        decided = self.decide(summer, carol)
        for seen in (0, decided.pk + 1):
            with pytest.raises(RefusedError, match="changed meanwhile"):
                services.approve(proposal=proposal, by=frank, decision=seen)
        assert registry.active().version != summer.version
        services.approve(proposal=proposal, by=frank, decision=decided.pk)
        assert registry.active().version == summer.version

    def test_without_any_the_model_s_own_was_shown(self, proposal, summer, frank):
        services.approve(proposal=proposal, by=frank, decision=0)
        assert registry.active().version == summer.version


class TestAlone:
    def test_an_only_administrator_activates_at_once(self, summer, carol):
        activation = propose(summer, carol)
        assert isinstance(activation, Activation)
        assert (activation.activated_by, activation.approved_by) == (carol, None)
        assert activation.reason == "better on our own people"
        assert registry.active().version == summer.version
        assert not ActivationProposal.objects.exists()

    def test_a_colleague_who_left_is_no_second_administrator(self, summer, carol, frank):
        User.objects.filter(pk=frank.pk).update(is_active=False)
        assert isinstance(propose(summer, carol), Activation)

    def test_nor_is_anyone_who_may_not_activate(self, summer, carol, alice, bob, dave, erin):
        assert isinstance(propose(summer, carol), Activation)

    def test_a_superuser_is_one(self, summer, carol):
        User.objects.create_superuser("root")
        assert isinstance(propose(summer, carol), ActivationProposal)

    @pytest.mark.parametrize("reason", ["", "  ", "\n\t", "\0"])
    def test_without_a_reason_nothing_happens(self, summer, carol, reason):
        with pytest.raises(RefusedError, match="Say why"):
            propose(summer, carol, reason)
        with pytest.raises(RefusedError, match="Say why"):
            services.activate(version=summer, reason=reason)
        assert registry.active().version.startswith("spring")

    @pytest.mark.parametrize("person", ["alice", "bob", "dave", "erin"])
    def test_only_an_administrator_asks(self, summer, request, person):
        with pytest.raises(RefusedError, match="administrator"):
            propose(summer, request.getfixturevalue(person))

    def test_the_active_model_is_not_proposed(self, spring, carol):
        with pytest.raises(RefusedError, match="active already"):
            propose(spring, carol)

    def test_an_altered_model_is_not_proposed(self, summer, carol, frank, alter_kept):
        alter_kept(summer)
        with pytest.raises(ArtifactError, match="altered"):
            propose(summer, carol)
        assert not ActivationProposal.objects.exists()


class TestTogether:
    @pytest.fixture
    def proposal(self, summer, carol, frank):
        return propose(summer, carol)

    def test_a_proposal_changes_nothing_yet(self, proposal, carol):
        assert (proposal.state, proposal.proposed_by) == ("open", carol)
        assert registry.active().version.startswith("spring")

    def test_the_second_administrator_approves(self, proposal, summer, carol, frank):
        activation = services.approve(proposal=proposal, by=frank, note=" I checked the card. ")
        assert (activation.activated_by, activation.approved_by) == (carol, frank)
        assert (activation.model_version, activation.reason) == (summer, proposal.reason)
        assert registry.active().version == summer.version
        proposal.refresh_from_db()
        assert (proposal.state, proposal.decided_by) == ("approved", frank)
        assert proposal.note == "I checked the card."
        assert proposal.decided_at >= proposal.proposed_at

    def test_nobody_approves_their_own(self, proposal, carol):
        with pytest.raises(RefusedError, match="someone else"):
            services.approve(proposal=proposal, by=carol)

    @pytest.mark.parametrize("person", ["alice", "bob", "erin"])
    def test_only_an_administrator_answers(self, proposal, request, person):
        someone = request.getfixturevalue(person)
        with pytest.raises(RefusedError, match="administrator"):
            services.approve(proposal=proposal, by=someone)
        with pytest.raises(RefusedError, match="administrator"):
            services.decline(proposal=proposal, by=someone, note="no")

    def test_one_who_was_deactivated_answers_no_more(self, proposal, frank):
        frank.is_active = False
        with pytest.raises(RefusedError):
            services.approve(proposal=proposal, by=frank)

    def test_the_second_administrator_declines_and_says_why(self, proposal, frank):
        with pytest.raises(RefusedError, match="Say why"):
            services.decline(proposal=proposal, by=frank, note=" ")
        declined = services.decline(proposal=proposal, by=frank, note="too few leavers")
        assert (declined.state, declined.note) == ("declined", "too few leavers")
        assert registry.active().version.startswith("spring")

    def test_the_proposer_withdraws(self, proposal, carol, frank):
        with pytest.raises(RefusedError, match="withdraw"):
            services.decline(proposal=proposal, by=carol, note="a mistake")
        with pytest.raises(RefusedError, match="Only the person"):
            services.withdraw(proposal=proposal, by=frank)
        assert services.withdraw(proposal=proposal, by=carol).state == "withdrawn"

    @pytest.mark.parametrize("first", ["approve", "decline", "withdraw"])
    def test_what_is_closed_stays_as_it_is(self, proposal, carol, frank, first):
        stale = ActivationProposal.objects.get()
        answers = {
            "approve": lambda row: services.approve(proposal=row, by=frank),
            "decline": lambda row: services.decline(proposal=row, by=frank, note="no"),
            "withdraw": lambda row: services.withdraw(proposal=row, by=carol),
        }
        answers[first](proposal)
        after = ActivationProposal.objects.values().get(), Activation.objects.count()
        for answer in answers.values():
            with pytest.raises(RefusedError, match="closed already"):
                answer(stale)
        assert (ActivationProposal.objects.values().get(), Activation.objects.count()) == after

    def test_a_model_is_proposed_once_at_a_time(self, proposal, summer, carol, frank):
        for person in (carol, frank):
            with pytest.raises(RefusedError, match="proposed already"):
                propose(summer, person)
        with pytest.raises(IntegrityError), transaction.atomic():
            ActivationProposal.objects.create(model_version=summer, proposed_by=carol)
        services.withdraw(proposal=proposal, by=carol)
        assert propose(summer, frank).state == "open"

    def test_a_model_altered_meanwhile_is_not_approved(self, proposal, summer, frank, alter_kept):
        alter_kept(summer)
        with pytest.raises(ArtifactError, match="altered"):
            services.approve(proposal=proposal, by=frank)
        proposal.refresh_from_db()
        assert proposal.state == "open"
        assert registry.active().version.startswith("spring")

    def test_what_came_about_otherwise_needs_no_answer(self, proposal, summer, frank):
        services.activate(version=summer, reason="an emergency, at the server")
        proposal.refresh_from_db()
        assert (proposal.state, proposal.decided_by) == ("withdrawn", None)
        assert proposal.note


def at_once(*answers):
    """Runs all of them at the same moment, each in a thread; what each gave or raised."""
    together = threading.Barrier(len(answers))
    outcomes = [None] * len(answers)

    def run(place, answer):
        together.wait(10)
        try:
            outcomes[place] = answer()
        except Exception as error:
            outcomes[place] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=item) for item in enumerate(answers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return outcomes


@pytest.mark.django_db(transaction=True)
class TestAtTheSameMoment:
    @pytest.fixture
    def grace(self, db):
        return make_person(Role.ADMINISTRATOR, username="grace")

    @pytest.fixture
    def proposal(self, summer, carol, frank):
        return propose(summer, carol)

    def test_of_two_approvals_one_counts(self, proposal, frank, grace):
        outcomes = at_once(
            *(
                lambda by=by: services.approve(proposal=proposal, by=by)
                for by in (frank, grace, frank, grace)
            )
        )
        [activation] = [outcome for outcome in outcomes if isinstance(outcome, Activation)]
        refused = [outcome for outcome in outcomes if isinstance(outcome, RefusedError)]
        assert len(refused) == 3
        assert Activation.objects.filter(approved_by__isnull=False).get() == activation
        assert Activation.objects.count() == 2

    def test_approved_or_withdrawn_and_never_both(self, proposal, summer, carol, frank):
        outcomes = at_once(
            lambda: services.approve(proposal=proposal, by=frank),
            lambda: services.withdraw(proposal=proposal, by=carol),
            lambda: services.decline(proposal=proposal, by=frank, note="no"),
        )
        assert sum(isinstance(outcome, RefusedError) for outcome in outcomes) == 2
        proposal.refresh_from_db()
        activated = Activation.objects.filter(model_version=summer).exists()
        assert activated is (proposal.state == "approved")

    def test_two_proposals_of_one_model(self, summer, carol, frank):
        outcomes = at_once(lambda: propose(summer, carol), lambda: propose(summer, frank))
        assert sum(isinstance(outcome, RefusedError) for outcome in outcomes) == 1
        assert ActivationProposal.objects.count() == 1
