"""Store the name of the browser of a login session, instead of its User-Agent header."""

import sqlalchemy as sa
import ua_parser
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

MAX_BROWSER_LENGTH = 100

login_sessions = sa.table("login_sessions", sa.column("user_agent", sa.String), sa.column("browser", sa.String))


def upgrade() -> None:
    op.execute("ALTER TABLE login_sessions ADD COLUMN browser VARCHAR(100) DEFAULT 'An unknown browser' NOT NULL")
    rows = op.get_bind().execute(sa.select(login_sessions.c.user_agent).distinct())
    for (user_agent,) in rows.all():
        same = login_sessions.c.user_agent == user_agent
        op.execute(login_sessions.update().where(same).values(browser=_browser_name(user_agent)))
    op.drop_column("login_sessions", "user_agent")


def downgrade() -> None:
    op.execute("ALTER TABLE login_sessions ADD COLUMN user_agent VARCHAR(200) DEFAULT '' NOT NULL")
    op.drop_column("login_sessions", "browser")


def _browser_name(user_agent: str) -> str:
    parsed = ua_parser.parse(user_agent)
    name = parsed.user_agent.family if parsed.user_agent else "An unknown browser"
    return (f"{name} on {parsed.os.family}" if parsed.os else name)[:MAX_BROWSER_LENGTH]
