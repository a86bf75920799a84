-- Keep FOAM's own rows in beat's table from being deleted or turned into other tasks, by any client.
-- Staff may edit when they run, whether they run, and when a message expires. The tick has a limit:
-- it runs every 1 to 60 seconds.
CREATE FUNCTION reminders_keep_own_task() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    step interval;
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'FOAM needs its periodic task "%": it cannot be deleted.', OLD.name
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'reminders_keep_own_task';
    END IF;
    IF (NEW.name, NEW.task, NEW.args, NEW.kwargs, NEW.queue, NEW.exchange, NEW.routing_key,
        NEW.headers, NEW.one_off, NEW.start_time, NEW.expires)
        IS DISTINCT FROM (OLD.name, OLD.task, OLD.args, OLD.kwargs, OLD.queue, OLD.exchange,
        OLD.routing_key, OLD.headers, OLD.one_off, OLD.start_time, OLD.expires)
    THEN
        RAISE EXCEPTION 'FOAM needs its periodic task "%" as it is: only when it runs may be'
            ' changed.', OLD.name
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'reminders_keep_own_task';
    END IF;
    IF NEW.name = 'tick' AND (NEW.interval_id, NEW.crontab_id, NEW.solar_id, NEW.clocked_id)
        IS DISTINCT FROM (OLD.interval_id, OLD.crontab_id, OLD.solar_id, OLD.clocked_id)
    THEN
        -- Locked: nobody makes another interval of it meanwhile.
        SELECT make_interval(secs => 1) * every * reminders_seconds(period) INTO step
        FROM django_celery_beat_intervalschedule WHERE id = NEW.interval_id FOR SHARE;
        IF num_nonnulls(NEW.crontab_id, NEW.solar_id, NEW.clocked_id) > 0 OR step IS NULL
            OR step NOT BETWEEN '1 second' AND '60 seconds'
        THEN
            RAISE EXCEPTION 'The tick runs at an interval of 1 to 60 seconds.'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'reminders_keep_own_task';
        END IF;
    END IF;
    RETURN NEW;
END $$;
CREATE FUNCTION reminders_seconds(period text) RETURNS double precision
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE period WHEN 'days' THEN 86400 WHEN 'hours' THEN 3600 WHEN 'minutes' THEN 60
        WHEN 'seconds' THEN 1 WHEN 'microseconds' THEN 0.000001 END
$$;
CREATE FUNCTION reminders_keep_interval() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.every * reminders_seconds(NEW.period) NOT BETWEEN 1 AND 60 AND EXISTS (
        SELECT FROM django_celery_beat_periodictask WHERE name = 'tick' AND interval_id = NEW.id)
    THEN
        RAISE EXCEPTION 'The tick runs at this interval: it is from 1 to 60 seconds.'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'reminders_keep_own_task';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER reminders_keep_own_task BEFORE UPDATE OR DELETE ON django_celery_beat_periodictask
FOR EACH ROW WHEN (OLD.name IN ('tick', 'prune')) EXECUTE FUNCTION reminders_keep_own_task();
CREATE TRIGGER reminders_keep_interval BEFORE UPDATE ON django_celery_beat_intervalschedule
FOR EACH ROW EXECUTE FUNCTION reminders_keep_interval();
