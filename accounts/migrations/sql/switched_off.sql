-- Pause an account that is switched off and end the pause when it is on again, whichever client
-- changes the column. FOAM's own user is never active, and a closed account has nothing to pause.
CREATE FUNCTION accounts_pause_switched_off() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.is_active THEN
        UPDATE accounts_pause SET ended_at = clock_timestamp()
        WHERE scope = 'account' AND owner_id = NEW.id AND ended_at IS NULL;
    ELSE
        INSERT INTO accounts_pause (scope, owner_id, tag, reason, created_at)
        VALUES ('account', NEW.id, '', '', clock_timestamp())
        ON CONFLICT DO NOTHING;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER accounts_user_switched_off AFTER INSERT OR UPDATE OF is_active ON accounts_user
FOR EACH ROW WHEN (NEW.id <> 0 AND NEW.closed_at IS NULL)
EXECUTE FUNCTION accounts_pause_switched_off();
