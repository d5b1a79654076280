"""Brands and their members."""

from allauth.account.forms import ResetPasswordForm
from allauth.core.context import request_context
from django.db import transaction
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils.text import slugify

from accounts.actors import Actor, record
from accounts.models import Membership, Role, Tenant, User
from accounts.tenancy import tenant_scope
from common.errors import BadInput, Conflict
from common.text import new_code


def create(
    name: str, industry: str, owner: User, *, time_zone: str = "Asia/Shanghai", slug: str = "", is_demo: bool = False
) -> Tenant:
    """A new brand with its first owner."""
    with transaction.atomic():
        tenant = Tenant.objects.create(
            name=name, industry=industry, time_zone=time_zone, slug=slug or _free_slug(name), is_demo=is_demo
        )
        Membership.objects.create(tenant=tenant, user=owner, role=Role.OWNER)
        with tenant_scope(tenant):
            record(Actor.person(owner), "create", "brand", tenant.slug, name=name)
    return tenant


def _free_slug(name: str) -> str:
    from common.text import sort_key

    base = slugify(sort_key(name))[:30].strip("-") or "brand"
    return f"{base}-{new_code(4)}" if Tenant.objects.filter(slug=base).exists() else base


def member(tenant: Tenant, member_id: int) -> Membership:
    """The brand's membership with this id; 404 for another brand's."""
    return get_object_or_404(Membership.objects.select_related("user"), tenant=tenant, pk=member_id)


def add_member(tenant: Tenant, email: str, role: str, by: Actor, request: HttpRequest | None = None) -> Membership:
    """Give the person with this address a role; a new person is mailed a link to set a password."""
    _guard_ownership(tenant, by, role)
    user = User.objects.filter(email__iexact=email).first()
    is_new = user is None
    user = user or User.objects.create_user(email)
    if Membership.objects.filter(tenant=tenant, user=user).exists():
        raise Conflict("%(email)s is already a member. Change the role in the list instead.", email=email)
    membership = Membership.objects.create(tenant=tenant, user=user, role=role)
    record(by, "add", "member", user.email, role=role)
    if is_new and request is not None:
        transaction.on_commit(lambda: _invite(user, request))
    return membership


def _invite(user: User, request: HttpRequest) -> None:
    form = ResetPasswordForm({"email": user.email})
    with request_context(request):
        if form.is_valid():
            form.save(request)


def change_role(membership: Membership, role: str, by: Actor) -> None:
    """Change a member's role; the last owner cannot be demoted."""
    if role not in Role.values:
        raise BadInput("Choose one of the known roles.")
    _guard_ownership(membership.tenant, by, role, membership.role)
    _keep_an_owner(membership, role)
    before, membership.role = membership.role, role
    membership.save(update_fields=["role"])
    record(by, "change_role", "member", membership.user.email, before=before, after=role)


def remove_member(membership: Membership, by: Actor) -> None:
    """Take a person's access away; the last owner stays."""
    _guard_ownership(membership.tenant, by, membership.role)
    _keep_an_owner(membership, "")
    email = membership.user.email
    membership.delete()
    record(by, "remove", "member", email)


def _guard_ownership(tenant: Tenant, by: Actor, *roles: str) -> None:
    if Role.OWNER not in roles or by.user is None:
        return
    if not Membership.objects.filter(tenant=tenant, user=by.user, role=Role.OWNER).exists():
        raise Conflict("Only an owner can make, change or remove an owner.")


def _keep_an_owner(membership: Membership, new_role: str) -> None:
    owners = Membership.objects.select_for_update().filter(tenant_id=membership.tenant_id, role=Role.OWNER)
    is_last = membership.role == Role.OWNER and new_role != Role.OWNER and len(owners) == 1
    if is_last:
        raise Conflict("A brand needs an owner. Make somebody else owner first.")
