"""What somebody does with all their other sessions at once, told to them by mail."""

from portal.accounts import mail, sessions
from portal.accounts.models import Account


def end_others(account: Account, *, this: str | None) -> int:
    """End every session of the account but the one with the key `this`. Returns how many."""
    count = sessions.end_all([account.pk], how=sessions.End.REMOTE, but=this)
    if count:
        mail.tell_of_change(account, f"{count} other sessions of your account were ended.")
    return count
