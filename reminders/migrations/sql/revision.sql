-- Mark the last change of each reminder: its transaction and time, for the sync API.
CREATE FUNCTION reminders_revision_created() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO reminders_revision (reminder_id, owner_id, xid, at)
    SELECT id, owner_id, pg_current_xact_id()::text::bigint, clock_timestamp() FROM inserted
    ON CONFLICT (reminder_id) DO UPDATE
        SET owner_id = EXCLUDED.owner_id, xid = EXCLUDED.xid, at = EXCLUDED.at;
    RETURN NULL;
END $$;
CREATE FUNCTION reminders_revision_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO reminders_revision (reminder_id, owner_id, xid, at)
    VALUES (NEW.id, NEW.owner_id, pg_current_xact_id()::text::bigint, clock_timestamp())
    ON CONFLICT (reminder_id) DO UPDATE
        SET owner_id = EXCLUDED.owner_id, xid = EXCLUDED.xid, at = EXCLUDED.at;
    RETURN NULL;
END $$;
CREATE TRIGGER reminders_reminder_created AFTER INSERT ON reminders_reminder
REFERENCING NEW TABLE AS inserted
FOR EACH STATEMENT EXECUTE FUNCTION reminders_revision_created();
-- A firing does not name the version, and so does not come here.
CREATE TRIGGER reminders_reminder_changed AFTER UPDATE OF version ON reminders_reminder
FOR EACH ROW WHEN (OLD.version IS DISTINCT FROM NEW.version)
EXECUTE FUNCTION reminders_revision_changed();
