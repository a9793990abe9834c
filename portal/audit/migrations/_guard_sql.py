"""How a guard is written into the database. Migrations name this class, so it stays as it is: a change is a new class."""

from __future__ import annotations

from pgtrigger.compiler import UpsertTriggerSql


class GuardSql(UpsertTriggerSql):
    """Without pgtrigger's way round: any session may set `pgtrigger.ignore`, and its triggers then stand aside."""

    def get_template(self) -> str:
        return """
            CREATE OR REPLACE FUNCTION {pgid}()
            RETURNS TRIGGER AS $$
                BEGIN
                    {func}
                END;
            $$ LANGUAGE plpgsql;

            DROP TRIGGER IF EXISTS {pgid} ON {table};
            CREATE TRIGGER {pgid}
                {when} {operation} ON {table}
                FOR EACH {level}
                EXECUTE PROCEDURE {execute};

            COMMENT ON TRIGGER {pgid} ON {table} IS '{hash}';
        """
