-- Count each occurrence that fires, is skipped or is missed, by day: the ledger's second side.
CREATE FUNCTION reminders_tally_recorded() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Reminder 0 is FOAM's own.
    INSERT INTO reminders_tally (day, status, reason, recorded, pruned)
    SELECT (recorded_at AT TIME ZONE 'UTC')::date,
        CASE WHEN status IN ('missed', 'skipped') THEN status ELSE 'fired' END,
        left(split_part(reason, ':', 1), 100), sum(count), 0
    -- By instant first: a batch has one, and so the rest is worked out once, not for each row.
    FROM (
        SELECT recorded_at, status, reason, count(*) FROM inserted WHERE reminder_id <> 0
        GROUP BY 1, 2, 3
    ) AS i
    GROUP BY 1, 2, 3;
    RETURN NULL;
END $$;
CREATE TRIGGER reminders_occurrence_tally AFTER INSERT ON reminders_occurrence
REFERENCING NEW TABLE AS inserted
FOR EACH STATEMENT EXECUTE FUNCTION reminders_tally_recorded();
