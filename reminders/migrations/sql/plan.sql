-- A reminder and its plan are a pair: no reminder without a plan, which would never fire; and no plan
-- with another owner than its reminder, whom the lists go by.
DROP INDEX reminders_reminder_list;
CREATE UNIQUE INDEX reminders_reminder_list ON reminders_reminder (owner_id, id DESC);
ALTER TABLE reminders_plan ADD CONSTRAINT reminders_plan_of_reminder
    FOREIGN KEY (owner_id, reminder_id) REFERENCES reminders_reminder (owner_id, id)
    ON UPDATE CASCADE DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE reminders_reminder ADD CONSTRAINT reminders_reminder_has_plan
    FOREIGN KEY (id) REFERENCES reminders_plan (reminder_id) DEFERRABLE INITIALLY DEFERRED;
-- The tick reads the first entries of the index of due plans: dead ones must not pile up there, so
-- vacuum comes by the number of changed rows.
ALTER TABLE reminders_plan SET (autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE reminders_reminder RESET (autovacuum_vacuum_scale_factor,
    autovacuum_vacuum_threshold, autovacuum_vacuum_cost_delay);
-- A deleted reminder has a finished plan. Checked at commit, as two rows change.
CREATE FUNCTION reminders_keep_deleted_finished() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM reminders_reminder r JOIN reminders_plan p ON p.reminder_id = r.id
        WHERE r.id = (to_jsonb(NEW) ->> TG_ARGV[0])::bigint AND r.deleted_at IS NOT NULL
            AND p.status <> 'finished')
    THEN
        RAISE EXCEPTION 'A deleted reminder is finished.'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'reminders_reminder_deleted_is_finished';
    END IF;
    RETURN NULL;
END $$;
-- A firing makes an active plan active or finished, and so does not come here.
CREATE CONSTRAINT TRIGGER reminders_plan_not_of_deleted AFTER UPDATE OF status ON reminders_plan
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
WHEN (OLD.status = 'finished' AND NEW.status <> 'finished')
EXECUTE FUNCTION reminders_keep_deleted_finished('reminder_id');
CREATE CONSTRAINT TRIGGER reminders_reminder_deleted AFTER INSERT OR UPDATE OF deleted_at
ON reminders_reminder DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.deleted_at IS NOT NULL)
EXECUTE FUNCTION reminders_keep_deleted_finished('id');
