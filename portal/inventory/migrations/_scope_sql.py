"""How the scopes of what concerns many assets are kept. Migrations name these texts: a change is a new file."""

from __future__ import annotations

DIMENSIONS = ("application", "owner", "business_unit")
# Whoever gives an asset to others and whoever makes members of it wait for each other: one of them sees both.
LOCK = "hashtext('scopes of runs and requests')"


class Scopes:
    """`table`: the kept rows, (`of`_id, dimension, value). `members`: the table that joins `of`_id and asset_id."""

    def __init__(self, table: str, members: str, of: str) -> None:
        self.table, self.members, self.of = table, members, of

    @property
    def computed(self) -> str:
        return f"""
            SELECT DISTINCT m.{self.of}_id, d.dimension, d.value
            FROM {self.members} m JOIN inventory_asset a ON a.id = m.asset_id CROSS JOIN LATERAL {self.values("a")}
            WHERE d.value <> ''
        """

    @property
    def forward(self) -> str:
        return f"""
            CREATE FUNCTION {self.table}_join() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                PERFORM pg_advisory_xact_lock_shared({LOCK});
                INSERT INTO {self.table} ({self.of}_id, dimension, value)
                    {self.computed.replace(f"{self.members} m", "new_rows m")} ON CONFLICT DO NOTHING;
                RETURN NULL;
            END $$;
            CREATE TRIGGER {self.table}_join AFTER INSERT ON {self.members}
                REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION {self.table}_join();

            CREATE FUNCTION {self.table}_leave() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                PERFORM pg_advisory_xact_lock_shared({LOCK});
                {self.remove(f"SELECT m.{self.of}_id, s.dimension, s.value FROM old_rows m JOIN {self.table} s USING ({self.of}_id)")}
                RETURN NULL;
            END $$;
            CREATE TRIGGER {self.table}_leave AFTER DELETE ON {self.members}
                REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION {self.table}_leave();

            CREATE FUNCTION {self.table}_asset() RETURNS trigger LANGUAGE plpgsql AS $$
            DECLARE changed bigint[];
            BEGIN
                changed := ARRAY(SELECT id FROM new_rows n JOIN old_rows o USING (id) WHERE {self.differ()});
                IF cardinality(changed) = 0 THEN RETURN NULL; END IF;
                PERFORM pg_advisory_xact_lock({LOCK});
                INSERT INTO {self.table} ({self.of}_id, dimension, value)
                    {self.computed} AND a.id = ANY(changed) ON CONFLICT DO NOTHING;
                {self.remove(f'''SELECT m.{self.of}_id, d.dimension, d.value FROM old_rows o
                    JOIN {self.members} m ON m.asset_id = o.id CROSS JOIN LATERAL {self.values("o")}
                    WHERE o.id = ANY(changed)''')}
                RETURN NULL;
            END $$;
            CREATE TRIGGER {self.table}_asset AFTER UPDATE ON inventory_asset
                REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
                FOR EACH STATEMENT EXECUTE FUNCTION {self.table}_asset();
            INSERT INTO {self.table} ({self.of}_id, dimension, value) {self.computed};
        """

    @property
    def back(self) -> str:
        placed = (("join", self.members), ("leave", self.members), ("asset", "inventory_asset"))
        return "".join(
            f"DROP TRIGGER {self.table}_{name} ON {table}; DROP FUNCTION {self.table}_{name}();"
            for name, table in placed
        )

    def values(self, row: str) -> str:
        pairs = ", ".join(f"('{name}', {row}.{name})" for name in DIMENSIONS)
        return f"(VALUES {pairs}) AS d (dimension, value)"

    def differ(self) -> str:
        new, old = (", ".join(f"{row}.{name}" for name in DIMENSIONS) for row in ("n", "o"))
        return f"({new}) IS DISTINCT FROM ({old})"

    def remove(self, left: str) -> str:
        """Of these, what no member has any more."""
        column = " ".join(f"WHEN '{name}' THEN a.{name}" for name in DIMENSIONS)
        return f"""
            DELETE FROM {self.table} s USING (SELECT DISTINCT * FROM ({left}) every) gone
            WHERE (s.{self.of}_id, s.dimension, s.value) = (gone.{self.of}_id, gone.dimension, gone.value)
              AND NOT EXISTS (
                SELECT 1 FROM {self.members} m JOIN inventory_asset a ON a.id = m.asset_id
                WHERE m.{self.of}_id = s.{self.of}_id AND CASE s.dimension {column} END = s.value);
        """


RUNS = Scopes("patching_runscope", "patching_target", "run")
REQUESTS = Scopes("exceptions_requestscope", "exceptions_covered", "request")
