"""How kept standings are written. Migrations name these texts, so they stay as they are: a change is a new file."""

from __future__ import annotations

# As the code ranked when this was written; after each migration the database gets the function of the code.
RANK = """
CREATE OR REPLACE FUNCTION patching_severity(
    state text, verdict text, behind boolean, restored boolean, coverage text, in_window boolean
) RETURNS smallint LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN outcome IN ('lost//', 'done/failed/', 'done/failed/behind', 'done/unknown/', 'done/unknown/behind') OR outcome NOT IN ('//', 'planned//', 'waking//', 'waiting//', 'checking//', 'ready//', 'in_dispatch//', 'verifying//', 'skipped//', 'blocked//', 'halted//', 'lost//', 'done//', 'done/patched/', 'done/patched/behind', 'done/nothing_to_do/', 'done/nothing_to_do/behind', 'done/patched_reboot_pending/', 'done/patched_reboot_pending/behind', 'done/partly/', 'done/partly/behind', 'done/failed/', 'done/failed/behind', 'done/unknown/', 'done/unknown/behind') THEN -1
        WHEN outcome IN ('blocked//', 'halted//', 'lost//', 'done/patched/behind', 'done/nothing_to_do/behind', 'done/patched_reboot_pending/', 'done/patched_reboot_pending/behind', 'done/partly/', 'done/partly/behind', 'done/failed/', 'done/failed/behind', 'done/unknown/', 'done/unknown/behind') OR restored
            OR coverage IN ('no_agent', 'no_instance_profile', 'offline', 'unknown_platform') THEN 0
        WHEN NOT in_window THEN 1
        WHEN outcome IN ('skipped//') THEN 2
        WHEN outcome IN ('done/patched/', 'done/patched/behind', 'done/nothing_to_do/', 'done/nothing_to_do/behind') THEN 4
        ELSE 3
    END::smallint
    FROM (SELECT CASE
        WHEN state = 'done' AND verdict <> ''
        THEN state || '/' || verdict || CASE WHEN behind THEN '/behind' ELSE '/' END
        ELSE state || '//'
    END AS outcome) AS judged
$$;
"""
COLUMNS = "asset_id, present, name, application, owner, business_unit, severity, window_id, last_run, last_patched_at"
COMPUTED = """
    SELECT a.id AS asset_id, a.gone_at IS NULL AS present, a.name, a.application, a.owner, a.business_unit,
        patching_severity(coalesce(p.last_state, ''), coalesce(p.last_verdict, ''), coalesce(p.last_behind, false),
            p.restored_at IS NOT NULL, a.coverage, e.window_id IS NOT NULL) AS severity,
        e.window_id, p.last_run_id AS last_run, p.last_patched_at
    FROM inventory_asset a
    LEFT JOIN patching_assetpatchstate p ON p.asset_id = a.id
    LEFT JOIN patching_enrolment e ON e.asset_id = a.id AND e.ended_at IS NULL
"""
# Locked first: of two who change one asset at once, the second computes from what the first has committed.
KEEP = f"""
CREATE FUNCTION patching_keep_standing(assets bigint[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF cardinality(assets) = 0 THEN RETURN; END IF;
    PERFORM 1 FROM patching_assetstanding WHERE asset_id = ANY(assets) ORDER BY asset_id FOR UPDATE;
    UPDATE patching_assetstanding s SET ({COLUMNS}) = (
        c.asset_id, c.present, c.name, c.application, c.owner, c.business_unit, c.severity, c.window_id, c.last_run,
        c.last_patched_at
    ) FROM ({COMPUTED} WHERE a.id = ANY(assets)) c
    WHERE s.asset_id = c.asset_id AND (s.present, s.name, s.application, s.owner, s.business_unit, s.severity,
        s.window_id, s.last_run, s.last_patched_at) IS DISTINCT FROM (c.present, c.name, c.application, c.owner,
        c.business_unit, c.severity, c.window_id, c.last_run, c.last_patched_at);
END $$;
"""
BEGIN_ASSETS = f"""
CREATE FUNCTION patching_begin_standing() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO patching_assetstanding ({COLUMNS})
        {COMPUTED} WHERE a.id IN (SELECT id FROM new_rows) ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER patching_standing_begins AFTER INSERT ON inventory_asset
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION patching_begin_standing();
"""
OF_ASSET = ("name", "application", "owner", "business_unit", "coverage", "gone_at")
OF_PATCH_STATE = ("last_state", "last_verdict", "last_behind", "restored_at", "last_run_id", "last_patched_at")


def on(table: str, operation: str, changed: str) -> str:
    """A trigger that keeps the standing of the assets that `changed` selects from old_rows and new_rows."""
    name = f"{table}_{operation.lower()}_standing"
    old, new = "OLD TABLE AS old_rows", "NEW TABLE AS new_rows"
    seen = {"INSERT": new, "DELETE": old, "UPDATE": f"{old} {new}"}[operation]
    return f"""
CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM patching_keep_standing(ARRAY({changed}));
    RETURN NULL;
END $$;
CREATE TRIGGER {name} AFTER {operation} ON {table}
    REFERENCING {seen} FOR EACH STATEMENT EXECUTE FUNCTION {name}();
"""


def differ(key: str, columns: tuple[str, ...]) -> str:
    """The assets of which one of these columns has changed."""
    new, old = (", ".join(f"{row}.{name}" for name in columns) for row in ("n", "o"))
    return f"SELECT n.{key} FROM new_rows n JOIN old_rows o USING ({key}) WHERE ({new}) IS DISTINCT FROM ({old})"


STATE, ENROLMENT = "patching_assetpatchstate", "patching_enrolment"
TRIGGERS = (
    on("inventory_asset", "UPDATE", differ("id", OF_ASSET)),
    on(STATE, "INSERT", "SELECT asset_id FROM new_rows"),
    on(STATE, "UPDATE", differ("asset_id", OF_PATCH_STATE)),
    on(STATE, "DELETE", "SELECT asset_id FROM old_rows"),
    on(ENROLMENT, "INSERT", "SELECT asset_id FROM new_rows"),
    on(ENROLMENT, "UPDATE", "SELECT asset_id FROM new_rows UNION SELECT asset_id FROM old_rows"),
    on(ENROLMENT, "DELETE", "SELECT asset_id FROM old_rows"),
)
MADE = (
    *((table, f"{table}_{operation}_standing") for table in (STATE, ENROLMENT) for operation in ("insert", "update", "delete")),
    ("inventory_asset", "inventory_asset_update_standing"),
)
FORWARD = "".join((KEEP, BEGIN_ASSETS, *TRIGGERS))
FILL = f"INSERT INTO patching_assetstanding ({COLUMNS}) {COMPUTED}"
BACK = (
    "DROP TRIGGER patching_standing_begins ON inventory_asset; DROP FUNCTION patching_begin_standing();"
    + "".join(f"DROP TRIGGER {name} ON {table}; DROP FUNCTION {name}();" for table, name in MADE)
    + "DROP FUNCTION patching_keep_standing(bigint[]);"
)
