-- Refuse rows of a closed account. FOR KEY SHARE waits for a transaction that is just closing it.
CREATE FUNCTION accounts_refuse_closed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    closed timestamp with time zone;
BEGIN
    SELECT closed_at INTO closed FROM accounts_user WHERE id = NEW.owner_id FOR KEY SHARE;
    IF closed IS NOT NULL THEN
        RAISE EXCEPTION 'the account % is closed', NEW.owner_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'accounts_refuse_closed';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER accounts_pause_refuse_closed BEFORE INSERT ON accounts_pause
FOR EACH ROW EXECUTE FUNCTION accounts_refuse_closed();
