-- Count each delivery that is posted, by day: the ledger's second side.
CREATE FUNCTION notifications_tally_recorded() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Channel 0 is FOAM's own.
    INSERT INTO notifications_tally (day, status, reason, recorded, pruned)
    SELECT (created_at AT TIME ZONE 'UTC')::date, 'posted', '', sum(count), 0
    -- By instant first: a batch has one, and so the day is worked out once, not for each row.
    FROM (SELECT created_at, count(*) FROM inserted WHERE channel_id <> 0 GROUP BY 1) AS i
    GROUP BY 1;
    RETURN NULL;
END $$;
CREATE TRIGGER notifications_delivery_tally AFTER INSERT ON notifications_delivery
REFERENCING NEW TABLE AS inserted
FOR EACH STATEMENT EXECUTE FUNCTION notifications_tally_recorded();
