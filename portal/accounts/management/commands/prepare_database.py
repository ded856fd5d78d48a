import os
import secrets
from typing import Any
from urllib.parse import urlencode

import psycopg
from django.core.management.base import BaseCommand, CommandError
from psycopg.conninfo import conninfo_to_dict

from portal.embedded import roles

VARIABLES = {
    roles.APP: "DATABASE_URL",
    roles.MIGRATOR: "DATABASE_OWNER_URL",
    roles.AUDITOR: "DATABASE_AUDITOR_URL",
    roles.SEQUENCER: "DATABASE_SEQUENCER_URL",
}


class Command(BaseCommand):
    help = "Makes the roles and the database on your own PostgreSQL, once, and prints the settings that use them."
    requires_system_checks = ()

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument(
            "--admin-url",
            default=os.environ.get("DATABASE_ADMIN_URL"),
            help="postgresql:// address of a login that may make roles and databases (or DATABASE_ADMIN_URL)",
        )
        parser.add_argument("--database", default="clearhold", help="its name (clearhold)")
        parser.add_argument(
            "--new-passwords", action="store_true", help="give every login a new password, not only a new login"
        )
        parser.add_argument(
            "--single-login",
            action="store_true",
            help="let clearhold_app become the other roles, for a set-up with DATABASE_URL alone (weaker: see docs)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        address = options["admin_url"]
        if not address:
            raise CommandError("Give --admin-url postgresql://admin:password@host/postgres, or DATABASE_ADMIN_URL.")
        try:
            with psycopg.connect(address) as connection:
                known = {name for (name,) in connection.execute("SELECT rolname FROM pg_roles")}
            wanted = [login for login in roles.LOGINS if options["new_passwords"] or login not in known]
            passwords = {login: secrets.token_urlsafe(24) for login in wanted}
            others = (roles.OWNER, roles.AUDITOR, roles.SEQUENCER, roles.SUPPORT)
            members = dict.fromkeys(others, roles.APP) if options["single_login"] else {}
            roles.prepare_database(address, options["database"], passwords=passwords, members=members)
        except (psycopg.Error, roles.CannotPrepare) as failure:
            raise CommandError(f"{failure}".strip()) from failure
        for login in (roles.APP,) if options["single_login"] else VARIABLES:
            self._print_setting(login, passwords.get(login), address, options["database"])

    def _print_setting(self, login: str, password: str | None, address: str, database: str) -> None:
        if password is None:
            self.stdout.write(f"# {VARIABLES[login]}: {login} keeps its password (--new-passwords gives a new one)")
            return
        parts = conninfo_to_dict(address)
        host = str(parts.get("host") or "localhost")
        port = f":{parts['port']}" if parts.get("port") else ""
        query = {"options": f"-c role={roles.OWNER}"} if login == roles.MIGRATOR else {}
        if parts.get("sslmode"):
            query["sslmode"] = str(parts["sslmode"])
        if host.startswith("/"):
            query, host, port = {"host": host, **query}, "", ""
        words = f"?{urlencode(query).replace('+', '%20')}" if query else ""
        self.stdout.write(f"{VARIABLES[login]}=postgresql://{login}:{password}@{host}{port}/{database}{words}")
