-- Written by `make database` of the migrations 8f7ccdb363f3d9bd2efe5de7438643455480d80e78846aad9d314f2707b95e6c.
CREATE FUNCTION accounts_pause_switched_off() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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
CREATE FUNCTION accounts_refuse_closed() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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
CREATE FUNCTION notifications_tally_recorded() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    -- Channel 0 is FOAM's own.
    INSERT INTO notifications_tally (day, status, reason, recorded, pruned)
    SELECT (created_at AT TIME ZONE 'UTC')::date, 'posted', '', sum(count), 0
    -- By instant first: a batch has one, and so the day is worked out once, not for each row.
    FROM (SELECT created_at, count(*) FROM inserted WHERE channel_id <> 0 GROUP BY 1) AS i
    GROUP BY 1;
    RETURN NULL;
END $$;
CREATE FUNCTION reminders_follow_up_is_due(at timestamp with time zone) RETURNS boolean
    LANGUAGE plpgsql STABLE
    AS $$
BEGIN
    RETURN EXISTS (SELECT FROM reminders_occurrence WHERE follow_up_at <= at);
END $$;
CREATE FUNCTION reminders_keep_deleted_finished() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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
CREATE FUNCTION reminders_keep_interval() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF NEW.every * reminders_seconds(NEW.period) NOT BETWEEN 1 AND 60 AND EXISTS (
        SELECT FROM django_celery_beat_periodictask WHERE name = 'tick' AND interval_id = NEW.id)
    THEN
        RAISE EXCEPTION 'The tick runs at this interval: it is from 1 to 60 seconds.'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'reminders_keep_own_task';
    END IF;
    RETURN NEW;
END $$;
CREATE FUNCTION reminders_keep_own_task() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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
CREATE FUNCTION reminders_keys(owner bigint, title text, body text, tags text[]) RETURNS tsvector
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT array_to_tsvector(
        ARRAY(
            SELECT owner || ':' || left(word, 100) FROM unnest(tsvector_to_array(
                to_tsvector('simple', title || ' ' || body || ' ' || array_to_string(tags, ' '))
            )) AS word
        )
        || ARRAY(SELECT owner || '#' || tag FROM unnest(tags) AS tag)
        || ARRAY(SELECT '#' || tag FROM unnest(tags) AS tag)
    )
$$;
CREATE FUNCTION reminders_revision_changed() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO reminders_revision (reminder_id, owner_id, xid, at)
    VALUES (NEW.id, NEW.owner_id, pg_current_xact_id()::text::bigint, clock_timestamp())
    ON CONFLICT (reminder_id) DO UPDATE
        SET owner_id = EXCLUDED.owner_id, xid = EXCLUDED.xid, at = EXCLUDED.at;
    RETURN NULL;
END $$;
CREATE FUNCTION reminders_revision_created() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO reminders_revision (reminder_id, owner_id, xid, at)
    SELECT id, owner_id, pg_current_xact_id()::text::bigint, clock_timestamp() FROM inserted
    ON CONFLICT (reminder_id) DO UPDATE
        SET owner_id = EXCLUDED.owner_id, xid = EXCLUDED.xid, at = EXCLUDED.at;
    RETURN NULL;
END $$;
CREATE FUNCTION reminders_seconds(period text) RETURNS double precision
    LANGUAGE sql IMMUTABLE
    AS $$
    SELECT CASE period WHEN 'days' THEN 86400 WHEN 'hours' THEN 3600 WHEN 'minutes' THEN 60
        WHEN 'seconds' THEN 1 WHEN 'microseconds' THEN 0.000001 END
$$;
CREATE FUNCTION reminders_tally_recorded() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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
CREATE FUNCTION reminders_word_key(owner bigint, word text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT '''' || replace(replace(owner || ':' || left(word, 100), '\', '\\'), '''', '''''')
        || ''':*'
$$;
CREATE TABLE account_emailaddress (
    id integer NOT NULL,
    email character varying(254) NOT NULL,
    verified boolean NOT NULL,
    "primary" boolean NOT NULL,
    user_id bigint NOT NULL
);
ALTER TABLE account_emailaddress ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME account_emailaddress_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE account_emailconfirmation (
    id integer NOT NULL,
    created timestamp with time zone NOT NULL,
    sent timestamp with time zone,
    key character varying(64) NOT NULL,
    email_address_id integer NOT NULL
);
ALTER TABLE account_emailconfirmation ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME account_emailconfirmation_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE accounts_apitoken (
    id bigint NOT NULL,
    name character varying(100) NOT NULL,
    digest character varying(64) NOT NULL,
    hint character varying(16) NOT NULL,
    scopes character varying(32)[] NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone,
    last_used_at timestamp with time zone,
    revoked_at timestamp with time zone,
    made_by_id bigint,
    user_id bigint NOT NULL,
    CONSTRAINT accounts_apitoken_calendar_alone CHECK (((NOT (scopes @> ARRAY['calendar:read'::character varying(32)])) OR (scopes = ARRAY['calendar:read'::character varying(32)])))
);
ALTER TABLE accounts_apitoken ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME accounts_apitoken_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE accounts_cache (
    cache_key character varying(255) NOT NULL,
    value text NOT NULL,
    expires timestamp with time zone NOT NULL
);
CREATE TABLE accounts_change (
    id bigint NOT NULL,
    face character varying(16) DEFAULT ''::character varying NOT NULL,
    diff jsonb,
    at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    verb character varying(20) NOT NULL,
    detail text NOT NULL,
    network character varying(43) NOT NULL,
    account_id bigint NOT NULL,
    token_id bigint,
    user_id bigint
);
ALTER TABLE accounts_change ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME accounts_change_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE accounts_idempotencykey (
    id bigint NOT NULL,
    key character varying(255) NOT NULL,
    fingerprint character varying(64) NOT NULL,
    created_at timestamp with time zone NOT NULL,
    leased_until timestamp with time zone,
    status smallint,
    headers jsonb NOT NULL,
    body text NOT NULL,
    user_id bigint NOT NULL
);
ALTER TABLE accounts_idempotencykey ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME accounts_idempotencykey_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE accounts_mailbudget (
    digest character varying(64) NOT NULL,
    sent_at timestamp with time zone[] NOT NULL,
    unknown_at timestamp with time zone,
    refused_until timestamp with time zone,
    expires_at timestamp with time zone NOT NULL
);
CREATE TABLE accounts_pause (
    id bigint NOT NULL,
    scope character varying(16) NOT NULL,
    tag character varying(50) NOT NULL,
    until timestamp with time zone,
    reason character varying(200) NOT NULL,
    created_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    made_by_id bigint,
    owner_id bigint,
    CONSTRAINT accounts_pause_scope CHECK ((((owner_id IS NOT NULL) AND ((scope)::text = 'tag'::text) AND (NOT ((tag)::text = ''::text))) OR ((owner_id IS NOT NULL) AND ((scope)::text = ANY ((ARRAY['user'::character varying, 'account'::character varying])::text[])) AND ((tag)::text = ''::text)) OR ((owner_id IS NULL) AND ((scope)::text = 'everything'::text) AND ((tag)::text = ''::text))))
);
ALTER TABLE accounts_pause ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME accounts_pause_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE accounts_quota (
    id bigint NOT NULL,
    name character varying(32) NOT NULL,
    value bigint NOT NULL,
    user_id bigint NOT NULL,
    CONSTRAINT accounts_quota_not_negative CHECK ((value >= 0))
);
ALTER TABLE accounts_quota ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME accounts_quota_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE accounts_usage (
    user_id bigint NOT NULL,
    reminders bigint NOT NULL,
    stored_reminders bigint NOT NULL,
    word_bytes bigint NOT NULL,
    daily_messages bigint NOT NULL
);
CREATE TABLE accounts_user (
    id bigint NOT NULL,
    password character varying(128) NOT NULL,
    last_login timestamp with time zone,
    is_superuser boolean NOT NULL,
    first_name character varying(150) NOT NULL,
    last_name character varying(150) NOT NULL,
    is_staff boolean NOT NULL,
    is_active boolean NOT NULL,
    date_joined timestamp with time zone NOT NULL,
    username character varying(50) NOT NULL,
    email character varying(254) NOT NULL,
    timezone character varying(64) NOT NULL,
    quiet_from time without time zone,
    quiet_until time without time zone,
    quiet_weekends boolean DEFAULT false NOT NULL,
    closed_at timestamp with time zone,
    CONSTRAINT accounts_user_closed_is_inactive CHECK (((closed_at IS NULL) OR (NOT is_active))),
    CONSTRAINT accounts_user_quiet_hours_whole CHECK ((((quiet_from IS NULL) AND (quiet_until IS NULL)) OR ((quiet_from IS NOT NULL) AND (quiet_until IS NOT NULL) AND (NOT ((quiet_from = quiet_until) AND (quiet_from IS NOT NULL) AND (quiet_until IS NOT NULL))))))
);
CREATE TABLE accounts_user_groups (
    id bigint NOT NULL,
    user_id bigint NOT NULL,
    group_id integer NOT NULL
);
ALTER TABLE accounts_user_groups ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME accounts_user_groups_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
ALTER TABLE accounts_user ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME accounts_user_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE accounts_user_user_permissions (
    id bigint NOT NULL,
    user_id bigint NOT NULL,
    permission_id integer NOT NULL
);
ALTER TABLE accounts_user_user_permissions ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME accounts_user_user_permissions_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE auth_group (
    id integer NOT NULL,
    name character varying(150) NOT NULL
);
ALTER TABLE auth_group ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME auth_group_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE auth_group_permissions (
    id bigint NOT NULL,
    group_id integer NOT NULL,
    permission_id integer NOT NULL
);
ALTER TABLE auth_group_permissions ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME auth_group_permissions_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE auth_permission (
    id integer NOT NULL,
    name character varying(255) NOT NULL,
    content_type_id integer NOT NULL,
    codename character varying(100) NOT NULL
);
ALTER TABLE auth_permission ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME auth_permission_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE django_admin_log (
    id integer NOT NULL,
    action_time timestamp with time zone NOT NULL,
    object_id text,
    object_repr character varying(200) NOT NULL,
    action_flag smallint NOT NULL,
    change_message text NOT NULL,
    content_type_id integer,
    user_id bigint NOT NULL,
    CONSTRAINT django_admin_log_action_flag_check CHECK ((action_flag >= 0))
);
ALTER TABLE django_admin_log ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME django_admin_log_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE django_celery_beat_clockedschedule (
    id integer NOT NULL,
    clocked_time timestamp with time zone NOT NULL
);
ALTER TABLE django_celery_beat_clockedschedule ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME django_celery_beat_clockedschedule_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE django_celery_beat_crontabschedule (
    id integer NOT NULL,
    minute character varying(240) NOT NULL,
    hour character varying(96) NOT NULL,
    day_of_week character varying(64) NOT NULL,
    day_of_month character varying(124) NOT NULL,
    month_of_year character varying(64) NOT NULL,
    timezone character varying(63) NOT NULL
);
ALTER TABLE django_celery_beat_crontabschedule ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME django_celery_beat_crontabschedule_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE django_celery_beat_intervalschedule (
    id integer NOT NULL,
    every integer NOT NULL,
    period character varying(24) NOT NULL
);
ALTER TABLE django_celery_beat_intervalschedule ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME django_celery_beat_intervalschedule_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE django_celery_beat_periodictask (
    id integer NOT NULL,
    name character varying(200) NOT NULL,
    task character varying(200) NOT NULL,
    args text NOT NULL,
    kwargs text NOT NULL,
    queue character varying(200),
    exchange character varying(200),
    routing_key character varying(200),
    expires timestamp with time zone,
    enabled boolean NOT NULL,
    last_run_at timestamp with time zone,
    total_run_count integer NOT NULL,
    date_changed timestamp with time zone NOT NULL,
    description text NOT NULL,
    crontab_id integer,
    interval_id integer,
    solar_id integer,
    one_off boolean NOT NULL,
    start_time timestamp with time zone,
    priority integer,
    headers text NOT NULL,
    clocked_id integer,
    expire_seconds integer,
    CONSTRAINT django_celery_beat_periodictask_expire_seconds_check CHECK ((expire_seconds >= 0)),
    CONSTRAINT django_celery_beat_periodictask_priority_check CHECK ((priority >= 0)),
    CONSTRAINT django_celery_beat_periodictask_total_run_count_check CHECK ((total_run_count >= 0))
);
ALTER TABLE django_celery_beat_periodictask ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME django_celery_beat_periodictask_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE django_celery_beat_periodictasks (
    ident smallint NOT NULL,
    last_update timestamp with time zone NOT NULL
);
CREATE TABLE django_celery_beat_solarschedule (
    id integer NOT NULL,
    event character varying(24) NOT NULL,
    latitude numeric(9,6) NOT NULL,
    longitude numeric(9,6) NOT NULL
);
ALTER TABLE django_celery_beat_solarschedule ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME django_celery_beat_solarschedule_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE django_content_type (
    id integer NOT NULL,
    app_label character varying(100) NOT NULL,
    model character varying(100) NOT NULL
);
ALTER TABLE django_content_type ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME django_content_type_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE django_migrations (
    id bigint NOT NULL,
    app character varying(255) NOT NULL,
    name character varying(255) NOT NULL,
    applied timestamp with time zone NOT NULL
);
ALTER TABLE django_migrations ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME django_migrations_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE django_session (
    session_key character varying(40) NOT NULL,
    session_data text NOT NULL,
    expire_date timestamp with time zone NOT NULL
);
CREATE TABLE mfa_authenticator (
    id bigint NOT NULL,
    type character varying(20) NOT NULL,
    data jsonb NOT NULL,
    user_id bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    last_used_at timestamp with time zone
);
ALTER TABLE mfa_authenticator ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME mfa_authenticator_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE notifications_attempt (
    id bigint NOT NULL,
    number smallint NOT NULL,
    outcome character varying(16) NOT NULL,
    detail text NOT NULL,
    latency interval,
    ended_at timestamp with time zone NOT NULL,
    delivery_id bigint NOT NULL,
    CONSTRAINT notifications_attempt_number_check CHECK ((number >= 0))
)
PARTITION BY RANGE (delivery_id);
CREATE TABLE notifications_attempt_default (
    id bigint CONSTRAINT notifications_attempt_id_not_null NOT NULL,
    number smallint CONSTRAINT notifications_attempt_number_not_null NOT NULL,
    outcome character varying(16) CONSTRAINT notifications_attempt_outcome_not_null NOT NULL,
    detail text CONSTRAINT notifications_attempt_detail_not_null NOT NULL,
    latency interval,
    ended_at timestamp with time zone CONSTRAINT notifications_attempt_ended_at_not_null NOT NULL,
    delivery_id bigint CONSTRAINT notifications_attempt_delivery_id_not_null NOT NULL,
    CONSTRAINT notifications_attempt_number_check CHECK ((number >= 0))
);
ALTER TABLE notifications_attempt ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME notifications_attempt_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE notifications_channel (
    id bigint NOT NULL,
    kind character varying(16) NOT NULL,
    name character varying(100) NOT NULL,
    address character varying(2048) NOT NULL,
    secret text NOT NULL,
    previous_secret text,
    previous_secret_until timestamp with time zone,
    verified_at timestamp with time zone,
    at_most_once boolean NOT NULL,
    digest_at time without time zone,
    digest_every interval,
    flood_limit integer,
    disabled_at timestamp with time zone,
    disabled_reason text NOT NULL,
    deaths integer DEFAULT 0 NOT NULL,
    failing_since timestamp with time zone,
    lost_at timestamp with time zone,
    rejection character varying(200) DEFAULT ''::character varying NOT NULL,
    rejected_at timestamp with time zone,
    held_until timestamp with time zone,
    paused_at timestamp with time zone,
    paused_until timestamp with time zone,
    holds smallint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    deleted_at timestamp with time zone,
    owner_id bigint NOT NULL,
    CONSTRAINT notifications_channel_deaths_check CHECK ((deaths >= 0)),
    CONSTRAINT notifications_channel_digest_window CHECK (((digest_every IS NULL) OR ((digest_every >= '00:15:00'::interval) AND (digest_every <= '1 day'::interval)))),
    CONSTRAINT notifications_channel_flood_limit_check CHECK ((flood_limit >= 0)),
    CONSTRAINT notifications_channel_holds_check CHECK ((holds >= 0)),
    CONSTRAINT notifications_channel_kind_known CHECK (((kind)::text = ANY ((ARRAY['inbox'::character varying, 'webhook'::character varying, 'email'::character varying, 'apprise'::character varying, 'null'::character varying])::text[]))),
    CONSTRAINT notifications_channel_null_is_foams_own CHECK ((((id = 0) AND ((kind)::text = 'null'::text)) OR ((NOT (id = 0)) AND (NOT ((kind)::text = 'null'::text))))),
    CONSTRAINT notifications_channel_one_digest CHECK (((digest_at IS NULL) OR (digest_every IS NULL))),
    CONSTRAINT notifications_channel_pause_ends CHECK ((((paused_at IS NULL) AND (paused_until IS NULL)) OR ((paused_at IS NOT NULL) AND (paused_until IS NOT NULL)))),
    CONSTRAINT notifications_channel_previous_secret_ends CHECK ((((previous_secret IS NULL) AND (previous_secret_until IS NULL)) OR ((previous_secret IS NOT NULL) AND (previous_secret_until IS NOT NULL))))
);
ALTER TABLE notifications_channel ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME notifications_channel_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE notifications_channelchange (
    id bigint NOT NULL,
    face character varying(16) DEFAULT ''::character varying NOT NULL,
    diff jsonb,
    at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    verb character varying(16) NOT NULL,
    detail text NOT NULL,
    channel_id bigint NOT NULL,
    token_id bigint,
    user_id bigint
);
ALTER TABLE notifications_channelchange ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME notifications_channelchange_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE notifications_delivery (
    id bigint NOT NULL,
    reference character varying(100) NOT NULL COLLATE pg_catalog."C",
    title character varying(200) NOT NULL,
    body text NOT NULL,
    due_at timestamp with time zone NOT NULL,
    data jsonb NOT NULL,
    status character varying(16) NOT NULL,
    attempt smallint NOT NULL,
    max_attempts smallint NOT NULL,
    next_attempt_at timestamp with time zone,
    leased_until timestamp with time zone,
    reason text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    finished_at timestamp with time zone,
    urgent boolean DEFAULT false NOT NULL,
    held character varying(8),
    channel_id bigint NOT NULL,
    digest_id bigint,
    CONSTRAINT notifications_delivery_attempt_check CHECK ((attempt >= 0)),
    CONSTRAINT notifications_delivery_collected_in_digest CHECK ((((digest_id IS NULL) AND (NOT ((status)::text = 'collected'::text))) OR ((digest_id IS NOT NULL) AND ((held)::text = ANY ((ARRAY['digest'::character varying, 'flood'::character varying])::text[])) AND ((status)::text = 'collected'::text)))),
    CONSTRAINT notifications_delivery_end_has_reason CHECK ((NOT ((reason = ''::text) AND ((status)::text = ANY ((ARRAY['dead'::character varying, 'cancelled'::character varying])::text[]))))),
    CONSTRAINT notifications_delivery_finished_or_scheduled CHECK ((((finished_at IS NULL) AND (leased_until IS NULL) AND (next_attempt_at IS NOT NULL) AND ((status)::text = 'queued'::text)) OR ((finished_at IS NULL) AND (leased_until IS NOT NULL) AND (next_attempt_at IS NOT NULL) AND ((status)::text = 'sending'::text)) OR ((finished_at IS NOT NULL) AND (leased_until IS NULL) AND (next_attempt_at IS NULL) AND ((status)::text = ANY ((ARRAY['sent'::character varying, 'dead'::character varying, 'cancelled'::character varying, 'collected'::character varying])::text[]))))),
    CONSTRAINT notifications_delivery_held_known CHECK (((held IS NULL) OR ((held)::text = ANY ((ARRAY['quiet'::character varying, 'digest'::character varying, 'flood'::character varying, 'alone'::character varying, 'paused'::character varying])::text[])))),
    CONSTRAINT notifications_delivery_max_attempts_check CHECK ((max_attempts >= 0))
)
WITH (fillfactor='50', autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='20000', autovacuum_vacuum_cost_delay='0');
ALTER TABLE notifications_delivery ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME notifications_delivery_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE notifications_flood (
    id bigint NOT NULL,
    hour timestamp with time zone NOT NULL,
    count integer NOT NULL,
    channel_id bigint NOT NULL,
    CONSTRAINT notifications_flood_count_check CHECK ((count >= 0))
);
ALTER TABLE notifications_flood ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME notifications_flood_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE notifications_inboxmessage (
    id bigint NOT NULL,
    message_id character varying(64) NOT NULL,
    reference character varying(100) DEFAULT ''::character varying NOT NULL,
    title character varying(200) NOT NULL,
    body text NOT NULL,
    due_at timestamp with time zone NOT NULL,
    received_at timestamp with time zone NOT NULL,
    read_at timestamp with time zone,
    channel_id bigint NOT NULL
);
ALTER TABLE notifications_inboxmessage ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME notifications_inboxmessage_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE notifications_meter (
    id bigint NOT NULL,
    series text NOT NULL,
    value double precision NOT NULL
);
ALTER TABLE notifications_meter ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME notifications_meter_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE notifications_tally (
    id bigint NOT NULL,
    day date NOT NULL,
    status character varying(16) NOT NULL,
    reason character varying(100) NOT NULL,
    recorded integer NOT NULL,
    pruned integer NOT NULL,
    CONSTRAINT notifications_tally_pruned_check CHECK ((pruned >= 0)),
    CONSTRAINT notifications_tally_recorded_check CHECK ((recorded >= 0)),
    CONSTRAINT notifications_tally_status_known CHECK ((((pruned = 0) AND ((status)::text = 'posted'::text)) OR ((recorded = 0) AND ((status)::text = ANY ((ARRAY['sent'::character varying, 'dead'::character varying, 'cancelled'::character varying, 'collected'::character varying])::text[])))))
);
ALTER TABLE notifications_tally ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME notifications_tally_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE notifications_verification (
    channel_id bigint NOT NULL,
    nonce character varying(32) NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    tries smallint NOT NULL,
    CONSTRAINT notifications_verification_few_tries CHECK ((tries <= 5)),
    CONSTRAINT notifications_verification_tries_check CHECK ((tries >= 0))
);
CREATE TABLE reminders_backlog (
    id bigint NOT NULL,
    opened_at timestamp with time zone NOT NULL,
    due_before timestamp with time zone NOT NULL,
    decision character varying(16) NOT NULL,
    rate integer NOT NULL,
    decided_at timestamp with time zone NOT NULL,
    face character varying(16) NOT NULL,
    paced_at timestamp with time zone NOT NULL,
    taken integer DEFAULT 0 NOT NULL,
    ended_at timestamp with time zone,
    decided_by_id bigint,
    CONSTRAINT reminders_backlog_decision_known CHECK (((decision)::text = ANY ((ARRAY['hold'::character varying, 'release'::character varying, 'coalesce'::character varying, 'drop'::character varying])::text[]))),
    CONSTRAINT reminders_backlog_rate_check CHECK ((rate >= 0)),
    CONSTRAINT reminders_backlog_somebody_decided CHECK ((((decision)::text = ANY ((ARRAY['hold'::character varying, 'release'::character varying])::text[])) OR (NOT ((face)::text = ''::text)))),
    CONSTRAINT reminders_backlog_taken_check CHECK ((taken >= 0))
);
ALTER TABLE reminders_backlog ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME reminders_backlog_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE reminders_change (
    id bigint NOT NULL,
    face character varying(16) DEFAULT ''::character varying NOT NULL,
    diff jsonb,
    at timestamp with time zone NOT NULL,
    verb character varying(16) NOT NULL,
    before jsonb NOT NULL,
    detail text NOT NULL,
    token_id bigint,
    user_id bigint,
    reminder_id bigint NOT NULL
);
ALTER TABLE reminders_change ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME reminders_change_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE reminders_heartbeat (
    name character varying(32) NOT NULL,
    at timestamp with time zone NOT NULL
);
CREATE TABLE reminders_occurrence (
    id bigint NOT NULL,
    due_at timestamp with time zone NOT NULL,
    lead interval NOT NULL,
    status character varying(16) NOT NULL,
    reason text NOT NULL,
    recorded_at timestamp with time zone NOT NULL,
    follow_up_at timestamp with time zone,
    speaks_again_at timestamp with time zone,
    snoozes integer DEFAULT 0 NOT NULL,
    nags smallint DEFAULT 0 NOT NULL,
    escalated_at timestamp with time zone,
    reminder_id bigint NOT NULL,
    CONSTRAINT reminders_occurrence_answered_is_quiet CHECK (((follow_up_at IS NULL) OR ((status)::text = ANY ((ARRAY['pending'::character varying, 'snoozed'::character varying])::text[])))),
    CONSTRAINT reminders_occurrence_missed_has_reason CHECK ((((reason = ''::text) AND ((status)::text = ANY ((ARRAY['pending'::character varying, 'acknowledged'::character varying, 'snoozed'::character varying])::text[]))) OR (((status)::text = ANY ((ARRAY['missed'::character varying, 'skipped'::character varying])::text[])) AND (NOT (reason = ''::text)))))
)
PARTITION BY RANGE (due_at);
CREATE TABLE reminders_occurrence_default (
    id bigint CONSTRAINT reminders_occurrence_id_not_null NOT NULL,
    due_at timestamp with time zone CONSTRAINT reminders_occurrence_due_at_not_null NOT NULL,
    lead interval CONSTRAINT reminders_occurrence_lead_not_null NOT NULL,
    status character varying(16) CONSTRAINT reminders_occurrence_status_not_null NOT NULL,
    reason text CONSTRAINT reminders_occurrence_reason_not_null NOT NULL,
    recorded_at timestamp with time zone CONSTRAINT reminders_occurrence_recorded_at_not_null NOT NULL,
    follow_up_at timestamp with time zone,
    speaks_again_at timestamp with time zone,
    snoozes integer DEFAULT 0 CONSTRAINT reminders_occurrence_snoozes_not_null NOT NULL,
    nags smallint DEFAULT 0 CONSTRAINT reminders_occurrence_nags_not_null NOT NULL,
    escalated_at timestamp with time zone,
    reminder_id bigint CONSTRAINT reminders_occurrence_reminder_id_not_null NOT NULL,
    CONSTRAINT reminders_occurrence_answered_is_quiet CHECK (((follow_up_at IS NULL) OR ((status)::text = ANY ((ARRAY['pending'::character varying, 'snoozed'::character varying])::text[])))),
    CONSTRAINT reminders_occurrence_missed_has_reason CHECK ((((reason = ''::text) AND ((status)::text = ANY ((ARRAY['pending'::character varying, 'acknowledged'::character varying, 'snoozed'::character varying])::text[]))) OR (((status)::text = ANY ((ARRAY['missed'::character varying, 'skipped'::character varying])::text[])) AND (NOT (reason = ''::text)))))
);
ALTER TABLE reminders_occurrence ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME reminders_occurrence_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE reminders_plan (
    reminder_id bigint NOT NULL,
    owner_id bigint NOT NULL,
    status character varying(16) NOT NULL,
    paused_until timestamp with time zone,
    next_fire_at timestamp with time zone,
    next_due_at timestamp with time zone,
    next_lead interval NOT NULL,
    next_walls timestamp without time zone[],
    missed_count integer NOT NULL,
    fired_count integer NOT NULL,
    fired_due_at timestamp with time zone,
    error text NOT NULL,
    CONSTRAINT reminders_plan_active_has_next CHECK ((((next_due_at IS NOT NULL) AND (next_fire_at IS NOT NULL) AND ((status)::text = 'active'::text)) OR ((next_due_at IS NULL) AND (next_fire_at IS NULL) AND ((status)::text = ANY ((ARRAY['paused'::character varying, 'finished'::character varying])::text[]))))),
    CONSTRAINT reminders_plan_missed_count_check CHECK ((missed_count >= 0))
)
WITH (autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='20000', autovacuum_vacuum_cost_delay='0');
CREATE TABLE reminders_reminder (
    id bigint NOT NULL,
    title character varying(200) NOT NULL,
    body text NOT NULL,
    starts_at timestamp without time zone NOT NULL,
    timezone character varying(64) NOT NULL,
    recurrence character varying(500) NOT NULL,
    exdates timestamp without time zone[] NOT NULL,
    rdates timestamp without time zone[] NOT NULL,
    gap character varying(8) NOT NULL,
    fold character varying(8) NOT NULL,
    leads interval[] NOT NULL,
    misfire character varying(8) NOT NULL,
    grace interval NOT NULL,
    nag_every interval,
    nag_max smallint DEFAULT 3 NOT NULL,
    escalate_after interval,
    urgent boolean DEFAULT false NOT NULL,
    tags character varying(50)[] NOT NULL,
    external_id character varying(200),
    version integer NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    deleted_at timestamp with time zone,
    owner_id bigint NOT NULL,
    daily_messages integer DEFAULT 0 NOT NULL,
    keys tsvector GENERATED ALWAYS AS (reminders_keys(owner_id, (title)::text, body, (tags)::text[])) STORED,
    CONSTRAINT reminders_reminder_version_check CHECK ((version >= 0))
);
CREATE TABLE reminders_reminder_channels (
    id bigint NOT NULL,
    reminder_id bigint NOT NULL,
    channel_id bigint NOT NULL
);
ALTER TABLE reminders_reminder_channels ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME reminders_reminder_channels_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE reminders_reminder_escalate_channels (
    id bigint NOT NULL,
    reminder_id bigint NOT NULL,
    channel_id bigint NOT NULL
);
ALTER TABLE reminders_reminder_escalate_channels ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME reminders_reminder_escalate_channels_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
ALTER TABLE reminders_reminder ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME reminders_reminder_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE reminders_response (
    id bigint NOT NULL,
    verb character varying(16) NOT NULL,
    at timestamp with time zone NOT NULL,
    face character varying(16) NOT NULL,
    detail text NOT NULL,
    channel_id bigint,
    occurrence_id bigint NOT NULL,
    user_id bigint
);
ALTER TABLE reminders_response ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME reminders_response_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE reminders_revision (
    reminder_id bigint NOT NULL,
    xid bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    owner_id bigint NOT NULL
);
CREATE TABLE reminders_tally (
    id bigint NOT NULL,
    day date NOT NULL,
    status character varying(16) NOT NULL,
    reason character varying(100) NOT NULL,
    recorded integer NOT NULL,
    pruned integer NOT NULL,
    CONSTRAINT reminders_tally_pruned_check CHECK ((pruned >= 0)),
    CONSTRAINT reminders_tally_recorded_check CHECK ((recorded >= 0)),
    CONSTRAINT reminders_tally_status_known CHECK (((status)::text = ANY ((ARRAY['fired'::character varying, 'skipped'::character varying, 'missed'::character varying])::text[])))
);
ALTER TABLE reminders_tally ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME reminders_tally_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE socialaccount_socialaccount (
    id integer NOT NULL,
    provider character varying(200) NOT NULL,
    uid character varying(191) NOT NULL,
    last_login timestamp with time zone NOT NULL,
    date_joined timestamp with time zone NOT NULL,
    extra_data jsonb NOT NULL,
    user_id bigint NOT NULL
);
ALTER TABLE socialaccount_socialaccount ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME socialaccount_socialaccount_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE socialaccount_socialapp (
    id integer NOT NULL,
    provider character varying(30) NOT NULL,
    name character varying(40) NOT NULL,
    client_id character varying(191) NOT NULL,
    secret character varying(191) NOT NULL,
    key character varying(191) NOT NULL,
    provider_id character varying(200) NOT NULL,
    settings jsonb NOT NULL
);
ALTER TABLE socialaccount_socialapp ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME socialaccount_socialapp_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE socialaccount_socialtoken (
    id integer NOT NULL,
    token text NOT NULL,
    token_secret text NOT NULL,
    expires_at timestamp with time zone,
    account_id integer NOT NULL,
    app_id integer
);
ALTER TABLE socialaccount_socialtoken ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME socialaccount_socialtoken_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE usersessions_usersession (
    id bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    ip inet NOT NULL,
    last_seen_at timestamp with time zone NOT NULL,
    session_key character varying(40) NOT NULL,
    user_agent character varying(200) NOT NULL,
    data jsonb NOT NULL,
    user_id bigint NOT NULL
);
ALTER TABLE usersessions_usersession ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME usersessions_usersession_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
ALTER TABLE ONLY notifications_attempt ATTACH PARTITION notifications_attempt_default DEFAULT;
ALTER TABLE ONLY reminders_occurrence ATTACH PARTITION reminders_occurrence_default DEFAULT;
ALTER TABLE ONLY account_emailaddress
    ADD CONSTRAINT account_emailaddress_pkey PRIMARY KEY (id);
ALTER TABLE ONLY account_emailaddress
    ADD CONSTRAINT account_emailaddress_user_id_email_987c8728_uniq UNIQUE (user_id, email);
ALTER TABLE ONLY account_emailconfirmation
    ADD CONSTRAINT account_emailconfirmation_key_key UNIQUE (key);
ALTER TABLE ONLY account_emailconfirmation
    ADD CONSTRAINT account_emailconfirmation_pkey PRIMARY KEY (id);
ALTER TABLE ONLY accounts_apitoken
    ADD CONSTRAINT accounts_apitoken_digest_key UNIQUE (digest);
ALTER TABLE ONLY accounts_apitoken
    ADD CONSTRAINT accounts_apitoken_pkey PRIMARY KEY (id);
ALTER TABLE ONLY accounts_cache
    ADD CONSTRAINT accounts_cache_pkey PRIMARY KEY (cache_key);
ALTER TABLE ONLY accounts_change
    ADD CONSTRAINT accounts_change_pkey PRIMARY KEY (id);
ALTER TABLE ONLY accounts_idempotencykey
    ADD CONSTRAINT accounts_idempotencykey_once UNIQUE (user_id, key);
ALTER TABLE ONLY accounts_idempotencykey
    ADD CONSTRAINT accounts_idempotencykey_pkey PRIMARY KEY (id);
ALTER TABLE ONLY accounts_mailbudget
    ADD CONSTRAINT accounts_mailbudget_pkey PRIMARY KEY (digest);
ALTER TABLE ONLY accounts_pause
    ADD CONSTRAINT accounts_pause_pkey PRIMARY KEY (id);
ALTER TABLE ONLY accounts_quota
    ADD CONSTRAINT accounts_quota_once UNIQUE (user_id, name);
ALTER TABLE ONLY accounts_quota
    ADD CONSTRAINT accounts_quota_pkey PRIMARY KEY (id);
ALTER TABLE ONLY accounts_usage
    ADD CONSTRAINT accounts_usage_pkey PRIMARY KEY (user_id);
ALTER TABLE ONLY accounts_user_groups
    ADD CONSTRAINT accounts_user_groups_pkey PRIMARY KEY (id);
ALTER TABLE ONLY accounts_user_groups
    ADD CONSTRAINT accounts_user_groups_user_id_group_id_59c0b32f_uniq UNIQUE (user_id, group_id);
ALTER TABLE ONLY accounts_user
    ADD CONSTRAINT accounts_user_pkey PRIMARY KEY (id);
ALTER TABLE ONLY accounts_user_user_permissions
    ADD CONSTRAINT accounts_user_user_permi_user_id_permission_id_2ab516c2_uniq UNIQUE (user_id, permission_id);
ALTER TABLE ONLY accounts_user_user_permissions
    ADD CONSTRAINT accounts_user_user_permissions_pkey PRIMARY KEY (id);
ALTER TABLE ONLY accounts_user
    ADD CONSTRAINT accounts_user_username_key UNIQUE (username);
ALTER TABLE ONLY auth_group
    ADD CONSTRAINT auth_group_name_key UNIQUE (name);
ALTER TABLE ONLY auth_group_permissions
    ADD CONSTRAINT auth_group_permissions_group_id_permission_id_0cd325b0_uniq UNIQUE (group_id, permission_id);
ALTER TABLE ONLY auth_group_permissions
    ADD CONSTRAINT auth_group_permissions_pkey PRIMARY KEY (id);
ALTER TABLE ONLY auth_group
    ADD CONSTRAINT auth_group_pkey PRIMARY KEY (id);
ALTER TABLE ONLY auth_permission
    ADD CONSTRAINT auth_permission_content_type_id_codename_01ab375a_uniq UNIQUE (content_type_id, codename);
ALTER TABLE ONLY auth_permission
    ADD CONSTRAINT auth_permission_pkey PRIMARY KEY (id);
ALTER TABLE ONLY django_admin_log
    ADD CONSTRAINT django_admin_log_pkey PRIMARY KEY (id);
ALTER TABLE ONLY django_celery_beat_clockedschedule
    ADD CONSTRAINT django_celery_beat_clockedschedule_pkey PRIMARY KEY (id);
ALTER TABLE ONLY django_celery_beat_crontabschedule
    ADD CONSTRAINT django_celery_beat_crontabschedule_pkey PRIMARY KEY (id);
ALTER TABLE ONLY django_celery_beat_intervalschedule
    ADD CONSTRAINT django_celery_beat_intervalschedule_pkey PRIMARY KEY (id);
ALTER TABLE ONLY django_celery_beat_periodictask
    ADD CONSTRAINT django_celery_beat_periodictask_name_key UNIQUE (name);
ALTER TABLE ONLY django_celery_beat_periodictask
    ADD CONSTRAINT django_celery_beat_periodictask_pkey PRIMARY KEY (id);
ALTER TABLE ONLY django_celery_beat_periodictasks
    ADD CONSTRAINT django_celery_beat_periodictasks_pkey PRIMARY KEY (ident);
ALTER TABLE ONLY django_celery_beat_solarschedule
    ADD CONSTRAINT django_celery_beat_solar_event_latitude_longitude_ba64999a_uniq UNIQUE (event, latitude, longitude);
ALTER TABLE ONLY django_celery_beat_solarschedule
    ADD CONSTRAINT django_celery_beat_solarschedule_pkey PRIMARY KEY (id);
ALTER TABLE ONLY django_content_type
    ADD CONSTRAINT django_content_type_app_label_model_76bd3d3b_uniq UNIQUE (app_label, model);
ALTER TABLE ONLY django_content_type
    ADD CONSTRAINT django_content_type_pkey PRIMARY KEY (id);
ALTER TABLE ONLY django_migrations
    ADD CONSTRAINT django_migrations_pkey PRIMARY KEY (id);
ALTER TABLE ONLY django_session
    ADD CONSTRAINT django_session_pkey PRIMARY KEY (session_key);
ALTER TABLE ONLY mfa_authenticator
    ADD CONSTRAINT mfa_authenticator_pkey PRIMARY KEY (id);
ALTER TABLE ONLY notifications_attempt
    ADD CONSTRAINT notifications_attempt_once UNIQUE (delivery_id, number);
ALTER TABLE ONLY notifications_attempt_default
    ADD CONSTRAINT notifications_attempt_default_delivery_id_number_key UNIQUE (delivery_id, number);
ALTER TABLE ONLY notifications_attempt
    ADD CONSTRAINT notifications_attempt_pkey PRIMARY KEY (id, delivery_id);
ALTER TABLE ONLY notifications_attempt_default
    ADD CONSTRAINT notifications_attempt_default_pkey PRIMARY KEY (id, delivery_id);
ALTER TABLE ONLY notifications_channel
    ADD CONSTRAINT notifications_channel_pkey PRIMARY KEY (id);
ALTER TABLE ONLY notifications_channelchange
    ADD CONSTRAINT notifications_channelchange_pkey PRIMARY KEY (id);
ALTER TABLE ONLY notifications_delivery
    ADD CONSTRAINT notifications_delivery_once_per_cause UNIQUE (reference, channel_id);
ALTER TABLE ONLY notifications_delivery
    ADD CONSTRAINT notifications_delivery_pkey PRIMARY KEY (id);
ALTER TABLE ONLY notifications_flood
    ADD CONSTRAINT notifications_flood_once UNIQUE (channel_id, hour);
ALTER TABLE ONLY notifications_flood
    ADD CONSTRAINT notifications_flood_pkey PRIMARY KEY (id);
ALTER TABLE ONLY notifications_inboxmessage
    ADD CONSTRAINT notifications_inboxmessage_message_id_key UNIQUE (message_id);
ALTER TABLE ONLY notifications_inboxmessage
    ADD CONSTRAINT notifications_inboxmessage_pkey PRIMARY KEY (id);
ALTER TABLE ONLY notifications_meter
    ADD CONSTRAINT notifications_meter_pkey PRIMARY KEY (id);
ALTER TABLE ONLY notifications_tally
    ADD CONSTRAINT notifications_tally_pkey PRIMARY KEY (id);
ALTER TABLE ONLY notifications_verification
    ADD CONSTRAINT notifications_verification_pkey PRIMARY KEY (channel_id);
ALTER TABLE ONLY reminders_backlog
    ADD CONSTRAINT reminders_backlog_pkey PRIMARY KEY (id);
ALTER TABLE ONLY reminders_change
    ADD CONSTRAINT reminders_change_pkey PRIMARY KEY (id);
ALTER TABLE ONLY reminders_heartbeat
    ADD CONSTRAINT reminders_heartbeat_pkey PRIMARY KEY (name);
ALTER TABLE ONLY reminders_occurrence
    ADD CONSTRAINT reminders_occurrence_pkey PRIMARY KEY (id, due_at);
ALTER TABLE ONLY reminders_occurrence_default
    ADD CONSTRAINT reminders_occurrence_default_pkey PRIMARY KEY (id, due_at);
ALTER TABLE ONLY reminders_occurrence
    ADD CONSTRAINT reminders_occurrence_once UNIQUE (reminder_id, due_at, lead);
ALTER TABLE ONLY reminders_occurrence_default
    ADD CONSTRAINT reminders_occurrence_default_reminder_id_due_at_lead_key UNIQUE (reminder_id, due_at, lead);
ALTER TABLE ONLY reminders_plan
    ADD CONSTRAINT reminders_plan_pkey PRIMARY KEY (reminder_id);
ALTER TABLE ONLY reminders_reminder_channels
    ADD CONSTRAINT reminders_reminder_chann_reminder_id_channel_id_3271d8ef_uniq UNIQUE (reminder_id, channel_id);
ALTER TABLE ONLY reminders_reminder_channels
    ADD CONSTRAINT reminders_reminder_channels_pkey PRIMARY KEY (id);
ALTER TABLE ONLY reminders_reminder_escalate_channels
    ADD CONSTRAINT reminders_reminder_escal_reminder_id_channel_id_ede2b7c0_uniq UNIQUE (reminder_id, channel_id);
ALTER TABLE ONLY reminders_reminder_escalate_channels
    ADD CONSTRAINT reminders_reminder_escalate_channels_pkey PRIMARY KEY (id);
ALTER TABLE ONLY reminders_reminder
    ADD CONSTRAINT reminders_reminder_pkey PRIMARY KEY (id);
ALTER TABLE ONLY reminders_response
    ADD CONSTRAINT reminders_response_pkey PRIMARY KEY (id);
ALTER TABLE ONLY reminders_revision
    ADD CONSTRAINT reminders_revision_pkey PRIMARY KEY (reminder_id);
ALTER TABLE ONLY reminders_tally
    ADD CONSTRAINT reminders_tally_pkey PRIMARY KEY (id);
ALTER TABLE ONLY socialaccount_socialaccount
    ADD CONSTRAINT socialaccount_socialaccount_pkey PRIMARY KEY (id);
ALTER TABLE ONLY socialaccount_socialaccount
    ADD CONSTRAINT socialaccount_socialaccount_provider_uid_fc810c6e_uniq UNIQUE (provider, uid);
ALTER TABLE ONLY socialaccount_socialapp
    ADD CONSTRAINT socialaccount_socialapp_pkey PRIMARY KEY (id);
ALTER TABLE ONLY socialaccount_socialtoken
    ADD CONSTRAINT socialaccount_socialtoken_app_id_account_id_fca4e0ac_uniq UNIQUE (app_id, account_id);
ALTER TABLE ONLY socialaccount_socialtoken
    ADD CONSTRAINT socialaccount_socialtoken_pkey PRIMARY KEY (id);
ALTER TABLE ONLY usersessions_usersession
    ADD CONSTRAINT usersessions_usersession_pkey PRIMARY KEY (id);
ALTER TABLE ONLY usersessions_usersession
    ADD CONSTRAINT usersessions_usersession_session_key_key UNIQUE (session_key);
CREATE INDEX account_emailaddress_email_03be32b2 ON account_emailaddress USING btree (email);
CREATE INDEX account_emailaddress_email_03be32b2_like ON account_emailaddress USING btree (email varchar_pattern_ops);
CREATE INDEX account_emailaddress_user_id_2c513194 ON account_emailaddress USING btree (user_id);
CREATE INDEX account_emailconfirmation_email_address_id_5b7f8c58 ON account_emailconfirmation USING btree (email_address_id);
CREATE INDEX account_emailconfirmation_key_f43612bd_like ON account_emailconfirmation USING btree (key varchar_pattern_ops);
CREATE INDEX accounts_apitoken_digest_63ccb187_like ON accounts_apitoken USING btree (digest varchar_pattern_ops);
CREATE INDEX accounts_apitoken_made_by_id_776e0faa ON accounts_apitoken USING btree (made_by_id);
CREATE INDEX accounts_apitoken_user_id_bbee13e0 ON accounts_apitoken USING btree (user_id);
CREATE INDEX accounts_cache_expires ON accounts_cache USING btree (expires);
CREATE INDEX accounts_change_at ON accounts_change USING btree (at);
CREATE INDEX accounts_change_of ON accounts_change USING btree (account_id, at);
CREATE INDEX accounts_idempotencykey_old ON accounts_idempotencykey USING btree (created_at);
CREATE INDEX accounts_mailbudget_digest_6c2de0d1_like ON accounts_mailbudget USING btree (digest varchar_pattern_ops);
CREATE INDEX accounts_mailbudget_expires ON accounts_mailbudget USING btree (expires_at);
CREATE INDEX accounts_pause_ended ON accounts_pause USING btree (ended_at) WHERE (ended_at IS NOT NULL);
CREATE INDEX accounts_pause_made_by_id_35a4266c ON accounts_pause USING btree (made_by_id);
CREATE UNIQUE INDEX accounts_pause_one_of_account ON accounts_pause USING btree (owner_id) WHERE ((ended_at IS NULL) AND ((scope)::text = 'account'::text));
CREATE UNIQUE INDEX accounts_pause_one_of_everything ON accounts_pause USING btree (scope) WHERE ((ended_at IS NULL) AND ((scope)::text = 'everything'::text));
CREATE UNIQUE INDEX accounts_pause_one_open ON accounts_pause USING btree (owner_id, tag) WHERE ((ended_at IS NULL) AND (owner_id IS NOT NULL) AND (NOT ((scope)::text = 'account'::text)));
CREATE INDEX accounts_pause_owner_id_ed843c22 ON accounts_pause USING btree (owner_id);
CREATE INDEX accounts_quota_user_id_4a834cb8 ON accounts_quota USING btree (user_id);
CREATE UNIQUE INDEX accounts_user_email_unique_any_case ON accounts_user USING btree (lower((email)::text));
CREATE INDEX accounts_user_groups_group_id_bd11a704 ON accounts_user_groups USING btree (group_id);
CREATE INDEX accounts_user_groups_user_id_52b62117 ON accounts_user_groups USING btree (user_id);
CREATE INDEX accounts_user_quiet ON accounts_user USING btree (id) WHERE ((quiet_from IS NOT NULL) OR quiet_weekends);
CREATE INDEX accounts_user_user_permissions_permission_id_113bb443 ON accounts_user_user_permissions USING btree (permission_id);
CREATE INDEX accounts_user_user_permissions_user_id_e4f0a161 ON accounts_user_user_permissions USING btree (user_id);
CREATE INDEX accounts_user_username_6088629e_like ON accounts_user USING btree (username varchar_pattern_ops);
CREATE INDEX auth_group_name_a6ea08ec_like ON auth_group USING btree (name varchar_pattern_ops);
CREATE INDEX auth_group_permissions_group_id_b120cbf9 ON auth_group_permissions USING btree (group_id);
CREATE INDEX auth_group_permissions_permission_id_84c5c92e ON auth_group_permissions USING btree (permission_id);
CREATE INDEX auth_permission_content_type_id_2f476e4b ON auth_permission USING btree (content_type_id);
CREATE INDEX django_admin_log_content_type_id_c4bce8eb ON django_admin_log USING btree (content_type_id);
CREATE INDEX django_admin_log_user_id_c564eba6 ON django_admin_log USING btree (user_id);
CREATE INDEX django_celery_beat_periodictask_clocked_id_47a69f82 ON django_celery_beat_periodictask USING btree (clocked_id);
CREATE INDEX django_celery_beat_periodictask_crontab_id_d3cba168 ON django_celery_beat_periodictask USING btree (crontab_id);
CREATE INDEX django_celery_beat_periodictask_interval_id_a8ca27da ON django_celery_beat_periodictask USING btree (interval_id);
CREATE INDEX django_celery_beat_periodictask_name_265a36b7_like ON django_celery_beat_periodictask USING btree (name varchar_pattern_ops);
CREATE INDEX django_celery_beat_periodictask_solar_id_a87ce72c ON django_celery_beat_periodictask USING btree (solar_id);
CREATE INDEX django_session_expire_date_a5c62663 ON django_session USING btree (expire_date);
CREATE INDEX django_session_session_key_c0390e0f_like ON django_session USING btree (session_key varchar_pattern_ops);
CREATE INDEX mfa_authenticator_user_id_0c3a50c0 ON mfa_authenticator USING btree (user_id);
CREATE INDEX notifications_channel_disabled ON notifications_channel USING btree (id) WHERE ((deleted_at IS NULL) AND (disabled_at IS NOT NULL));
CREATE INDEX notifications_channel_held ON notifications_channel USING btree (held_until) WHERE (held_until IS NOT NULL);
CREATE UNIQUE INDEX notifications_channel_once_per_owner ON notifications_channel USING btree (owner_id, kind, address) WHERE (deleted_at IS NULL);
CREATE INDEX notifications_channel_owner_id_2d6bce18 ON notifications_channel USING btree (owner_id);
CREATE INDEX notifications_channel_paused ON notifications_channel USING btree (paused_until) WHERE (paused_until IS NOT NULL);
CREATE INDEX notifications_channel_rejected ON notifications_channel USING btree (rejected_at) WHERE (rejected_at IS NOT NULL);
CREATE INDEX notifications_channel_special ON notifications_channel USING btree (id) WHERE ((digest_at IS NOT NULL) OR (digest_every IS NOT NULL) OR (flood_limit > 0) OR ((flood_limit IS NULL) AND (NOT ((kind)::text = ANY ((ARRAY['inbox'::character varying, 'null'::character varying, 'webhook'::character varying])::text[])))));
CREATE INDEX notifications_channelchange_of ON notifications_channelchange USING btree (channel_id, at);
CREATE INDEX notifications_delivery_bad_end ON notifications_delivery USING btree (channel_id, id DESC) WHERE ((status)::text = ANY ((ARRAY['dead'::character varying, 'cancelled'::character varying])::text[]));
CREATE INDEX notifications_delivery_digest ON notifications_delivery USING btree (digest_id) WHERE (digest_id IS NOT NULL);
CREATE INDEX notifications_delivery_due ON notifications_delivery USING btree (next_attempt_at) WHERE (next_attempt_at IS NOT NULL);
CREATE INDEX notifications_delivery_fair ON notifications_delivery USING btree (channel_id, next_attempt_at) WHERE (next_attempt_at IS NOT NULL);
CREATE INDEX notifications_delivery_list ON notifications_delivery USING btree (channel_id, id DESC);
CREATE INDEX notifications_delivery_period ON notifications_delivery USING brin (created_at);
CREATE INDEX notifications_delivery_window ON notifications_delivery USING btree (next_attempt_at, channel_id) WHERE (((held)::text = ANY ((ARRAY['digest'::character varying, 'flood'::character varying])::text[])) AND (next_attempt_at IS NOT NULL));
CREATE INDEX notifications_inbox_list ON notifications_inboxmessage USING btree (channel_id, id DESC);
CREATE INDEX notifications_inboxmessage_message_id_0bf39e85_like ON notifications_inboxmessage USING btree (message_id varchar_pattern_ops);
CREATE UNIQUE INDEX reminders_backlog_one_open ON reminders_backlog USING btree (ended_at) NULLS NOT DISTINCT WHERE (ended_at IS NULL);
CREATE INDEX reminders_change_of_reminder ON reminders_change USING btree (reminder_id, at);
CREATE INDEX reminders_heartbeat_name_bc7e9704_like ON reminders_heartbeat USING btree (name varchar_pattern_ops);
CREATE INDEX reminders_occurrence_follow_up ON ONLY reminders_occurrence USING btree (follow_up_at) WHERE (follow_up_at IS NOT NULL);
CREATE INDEX reminders_occurrence_default_follow_up_at_idx ON reminders_occurrence_default USING btree (follow_up_at) WHERE (follow_up_at IS NOT NULL);
CREATE INDEX reminders_occurrence_period ON ONLY reminders_occurrence USING brin (recorded_at);
CREATE INDEX reminders_occurrence_default_recorded_at_idx ON reminders_occurrence_default USING brin (recorded_at);
CREATE INDEX reminders_plan_due ON reminders_plan USING btree (next_fire_at) WHERE ((status)::text = 'active'::text);
CREATE INDEX reminders_plan_idle ON reminders_plan USING btree (owner_id, status, reminder_id) WHERE (NOT ((status)::text = 'active'::text));
CREATE INDEX reminders_plan_next ON reminders_plan USING btree (owner_id, next_due_at, reminder_id);
CREATE INDEX reminders_plan_resume ON reminders_plan USING btree (paused_until) WHERE ((paused_until IS NOT NULL) AND ((status)::text = 'paused'::text));
CREATE INDEX reminders_reminder_by_created ON reminders_reminder USING btree (owner_id, created_at, id) WHERE (deleted_at IS NULL);
CREATE INDEX reminders_reminder_by_id ON reminders_reminder USING btree (owner_id, id) WHERE (deleted_at IS NULL);
CREATE INDEX reminders_reminder_by_title ON reminders_reminder USING btree (owner_id, title, id) WHERE (deleted_at IS NULL);
CREATE INDEX reminders_reminder_by_updated ON reminders_reminder USING btree (owner_id, updated_at, id) WHERE (deleted_at IS NULL);
CREATE INDEX reminders_reminder_channels_channel_id_f206bfa9 ON reminders_reminder_channels USING btree (channel_id);
CREATE INDEX reminders_reminder_channels_reminder_id_cc5b4b2f ON reminders_reminder_channels USING btree (reminder_id);
CREATE INDEX reminders_reminder_escalate_channels_channel_id_27bacc3c ON reminders_reminder_escalate_channels USING btree (channel_id);
CREATE INDEX reminders_reminder_escalate_channels_reminder_id_745f050c ON reminders_reminder_escalate_channels USING btree (reminder_id);
CREATE UNIQUE INDEX reminders_reminder_external_id_once_per_owner ON reminders_reminder USING btree (owner_id, external_id) WHERE ((deleted_at IS NULL) AND (external_id IS NOT NULL));
CREATE INDEX reminders_reminder_keys ON reminders_reminder USING gin (keys) WITH (fastupdate=off);
CREATE UNIQUE INDEX reminders_reminder_list ON reminders_reminder USING btree (owner_id, id DESC);
CREATE INDEX reminders_response_occurrence_id_3a42f9c7 ON reminders_response USING btree (occurrence_id);
CREATE INDEX reminders_revision_old ON reminders_revision USING btree (at);
CREATE INDEX reminders_revision_order ON reminders_revision USING btree (owner_id, xid, reminder_id);
CREATE INDEX socialaccount_socialaccount_user_id_8146e70c ON socialaccount_socialaccount USING btree (user_id);
CREATE INDEX socialaccount_socialtoken_account_id_951f210e ON socialaccount_socialtoken USING btree (account_id);
CREATE INDEX socialaccount_socialtoken_app_id_636a42d7 ON socialaccount_socialtoken USING btree (app_id);
CREATE UNIQUE INDEX unique_authenticator_type ON mfa_authenticator USING btree (user_id, type) WHERE ((type)::text = ANY ((ARRAY['totp'::character varying, 'recovery_codes'::character varying])::text[]));
CREATE UNIQUE INDEX unique_primary_email ON account_emailaddress USING btree (user_id, "primary") WHERE "primary";
CREATE UNIQUE INDEX unique_verified_email ON account_emailaddress USING btree (email) WHERE verified;
CREATE INDEX usersessions_usersession_session_key_fd35de43_like ON usersessions_usersession USING btree (session_key varchar_pattern_ops);
CREATE INDEX usersessions_usersession_user_id_af5e0a6d ON usersessions_usersession USING btree (user_id);
ALTER INDEX notifications_attempt_once ATTACH PARTITION notifications_attempt_default_delivery_id_number_key;
ALTER INDEX notifications_attempt_pkey ATTACH PARTITION notifications_attempt_default_pkey;
ALTER INDEX reminders_occurrence_follow_up ATTACH PARTITION reminders_occurrence_default_follow_up_at_idx;
ALTER INDEX reminders_occurrence_pkey ATTACH PARTITION reminders_occurrence_default_pkey;
ALTER INDEX reminders_occurrence_period ATTACH PARTITION reminders_occurrence_default_recorded_at_idx;
ALTER INDEX reminders_occurrence_once ATTACH PARTITION reminders_occurrence_default_reminder_id_due_at_lead_key;
CREATE TRIGGER accounts_pause_refuse_closed BEFORE INSERT ON accounts_pause FOR EACH ROW EXECUTE FUNCTION accounts_refuse_closed();
CREATE TRIGGER accounts_user_switched_off AFTER INSERT OR UPDATE OF is_active ON accounts_user FOR EACH ROW WHEN (((new.id <> 0) AND (new.closed_at IS NULL))) EXECUTE FUNCTION accounts_pause_switched_off();
CREATE TRIGGER notifications_channel_refuse_closed BEFORE INSERT ON notifications_channel FOR EACH ROW EXECUTE FUNCTION accounts_refuse_closed();
CREATE TRIGGER notifications_delivery_tally AFTER INSERT ON notifications_delivery REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION notifications_tally_recorded();
CREATE TRIGGER reminders_keep_interval BEFORE UPDATE ON django_celery_beat_intervalschedule FOR EACH ROW EXECUTE FUNCTION reminders_keep_interval();
CREATE TRIGGER reminders_keep_own_task BEFORE DELETE OR UPDATE ON django_celery_beat_periodictask FOR EACH ROW WHEN (((old.name)::text = ANY ((ARRAY['tick'::character varying, 'prune'::character varying])::text[]))) EXECUTE FUNCTION reminders_keep_own_task();
CREATE TRIGGER reminders_occurrence_tally AFTER INSERT ON reminders_occurrence REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION reminders_tally_recorded();
CREATE CONSTRAINT TRIGGER reminders_plan_not_of_deleted AFTER UPDATE OF status ON reminders_plan DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN ((((old.status)::text = 'finished'::text) AND ((new.status)::text <> 'finished'::text))) EXECUTE FUNCTION reminders_keep_deleted_finished('reminder_id');
CREATE TRIGGER reminders_reminder_changed AFTER UPDATE OF version ON reminders_reminder FOR EACH ROW WHEN ((old.version IS DISTINCT FROM new.version)) EXECUTE FUNCTION reminders_revision_changed();
CREATE TRIGGER reminders_reminder_created AFTER INSERT ON reminders_reminder REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION reminders_revision_created();
CREATE CONSTRAINT TRIGGER reminders_reminder_deleted AFTER INSERT OR UPDATE OF deleted_at ON reminders_reminder DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN ((new.deleted_at IS NOT NULL)) EXECUTE FUNCTION reminders_keep_deleted_finished('id');
CREATE TRIGGER reminders_reminder_refuse_closed BEFORE INSERT ON reminders_reminder FOR EACH ROW EXECUTE FUNCTION accounts_refuse_closed();
ALTER TABLE ONLY account_emailaddress
    ADD CONSTRAINT account_emailaddress_user_id_2c513194_fk_accounts_user_id FOREIGN KEY (user_id) REFERENCES accounts_user(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY account_emailconfirmation
    ADD CONSTRAINT account_emailconfirm_email_address_id_5b7f8c58_fk_account_e FOREIGN KEY (email_address_id) REFERENCES account_emailaddress(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY accounts_apitoken
    ADD CONSTRAINT accounts_apitoken_made_by_id_776e0faa_fk_accounts_apitoken_id FOREIGN KEY (made_by_id) REFERENCES accounts_apitoken(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY accounts_apitoken
    ADD CONSTRAINT accounts_apitoken_user_id_bbee13e0_fk_accounts_user_id FOREIGN KEY (user_id) REFERENCES accounts_user(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY accounts_idempotencykey
    ADD CONSTRAINT accounts_idempotencykey_user_id_ad587486_fk_accounts_user_id FOREIGN KEY (user_id) REFERENCES accounts_user(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY accounts_pause
    ADD CONSTRAINT accounts_pause_made_by_id_35a4266c_fk_accounts_user_id FOREIGN KEY (made_by_id) REFERENCES accounts_user(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY accounts_pause
    ADD CONSTRAINT accounts_pause_owner_id_ed843c22_fk_accounts_user_id FOREIGN KEY (owner_id) REFERENCES accounts_user(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY accounts_quota
    ADD CONSTRAINT accounts_quota_user_id_4a834cb8_fk_accounts_user_id FOREIGN KEY (user_id) REFERENCES accounts_user(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY accounts_usage
    ADD CONSTRAINT accounts_usage_user_id_e7157561_fk_accounts_user_id FOREIGN KEY (user_id) REFERENCES accounts_user(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY accounts_user_groups
    ADD CONSTRAINT accounts_user_groups_group_id_bd11a704_fk_auth_group_id FOREIGN KEY (group_id) REFERENCES auth_group(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY accounts_user_groups
    ADD CONSTRAINT accounts_user_groups_user_id_52b62117_fk_accounts_user_id FOREIGN KEY (user_id) REFERENCES accounts_user(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY accounts_user_user_permissions
    ADD CONSTRAINT accounts_user_user_p_permission_id_113bb443_fk_auth_perm FOREIGN KEY (permission_id) REFERENCES auth_permission(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY accounts_user_user_permissions
    ADD CONSTRAINT accounts_user_user_p_user_id_e4f0a161_fk_accounts_ FOREIGN KEY (user_id) REFERENCES accounts_user(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY auth_group_permissions
    ADD CONSTRAINT auth_group_permissio_permission_id_84c5c92e_fk_auth_perm FOREIGN KEY (permission_id) REFERENCES auth_permission(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY auth_group_permissions
    ADD CONSTRAINT auth_group_permissions_group_id_b120cbf9_fk_auth_group_id FOREIGN KEY (group_id) REFERENCES auth_group(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY auth_permission
    ADD CONSTRAINT auth_permission_content_type_id_2f476e4b_fk_django_co FOREIGN KEY (content_type_id) REFERENCES django_content_type(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY django_admin_log
    ADD CONSTRAINT django_admin_log_content_type_id_c4bce8eb_fk_django_co FOREIGN KEY (content_type_id) REFERENCES django_content_type(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY django_admin_log
    ADD CONSTRAINT django_admin_log_user_id_c564eba6_fk_accounts_user_id FOREIGN KEY (user_id) REFERENCES accounts_user(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY django_celery_beat_periodictask
    ADD CONSTRAINT django_celery_beat_p_clocked_id_47a69f82_fk_django_ce FOREIGN KEY (clocked_id) REFERENCES django_celery_beat_clockedschedule(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY django_celery_beat_periodictask
    ADD CONSTRAINT django_celery_beat_p_crontab_id_d3cba168_fk_django_ce FOREIGN KEY (crontab_id) REFERENCES django_celery_beat_crontabschedule(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY django_celery_beat_periodictask
    ADD CONSTRAINT django_celery_beat_p_interval_id_a8ca27da_fk_django_ce FOREIGN KEY (interval_id) REFERENCES django_celery_beat_intervalschedule(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY django_celery_beat_periodictask
    ADD CONSTRAINT django_celery_beat_p_solar_id_a87ce72c_fk_django_ce FOREIGN KEY (solar_id) REFERENCES django_celery_beat_solarschedule(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY mfa_authenticator
    ADD CONSTRAINT mfa_authenticator_user_id_0c3a50c0_fk_accounts_user_id FOREIGN KEY (user_id) REFERENCES accounts_user(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY notifications_channel
    ADD CONSTRAINT notifications_channel_owner_id_2d6bce18_fk_accounts_user_id FOREIGN KEY (owner_id) REFERENCES accounts_user(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY notifications_flood
    ADD CONSTRAINT notifications_flood_channel_id_a62196b0_fk_notificat FOREIGN KEY (channel_id) REFERENCES notifications_channel(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY notifications_inboxmessage
    ADD CONSTRAINT notifications_inboxm_channel_id_e2781c0b_fk_notificat FOREIGN KEY (channel_id) REFERENCES notifications_channel(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY notifications_verification
    ADD CONSTRAINT notifications_verifi_channel_id_642dba75_fk_notificat FOREIGN KEY (channel_id) REFERENCES notifications_channel(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY reminders_backlog
    ADD CONSTRAINT reminders_backlog_decided_by_id_458593bf_fk_accounts_user_id FOREIGN KEY (decided_by_id) REFERENCES accounts_user(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY reminders_plan
    ADD CONSTRAINT reminders_plan_of_reminder FOREIGN KEY (owner_id, reminder_id) REFERENCES reminders_reminder(owner_id, id) ON UPDATE CASCADE DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY reminders_reminder_channels
    ADD CONSTRAINT reminders_reminder_c_channel_id_f206bfa9_fk_notificat FOREIGN KEY (channel_id) REFERENCES notifications_channel(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY reminders_reminder_channels
    ADD CONSTRAINT reminders_reminder_c_reminder_id_cc5b4b2f_fk_reminders FOREIGN KEY (reminder_id) REFERENCES reminders_reminder(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY reminders_reminder_escalate_channels
    ADD CONSTRAINT reminders_reminder_e_channel_id_27bacc3c_fk_notificat FOREIGN KEY (channel_id) REFERENCES notifications_channel(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY reminders_reminder_escalate_channels
    ADD CONSTRAINT reminders_reminder_e_reminder_id_745f050c_fk_reminders FOREIGN KEY (reminder_id) REFERENCES reminders_reminder(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY reminders_reminder
    ADD CONSTRAINT reminders_reminder_has_plan FOREIGN KEY (id) REFERENCES reminders_plan(reminder_id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY reminders_reminder
    ADD CONSTRAINT reminders_reminder_owner_id_136c9ec8_fk_accounts_user_id FOREIGN KEY (owner_id) REFERENCES accounts_user(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY reminders_response
    ADD CONSTRAINT reminders_response_channel_id_51422be3_fk_notificat FOREIGN KEY (channel_id) REFERENCES notifications_channel(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY reminders_response
    ADD CONSTRAINT reminders_response_user_id_5bc9a5bb_fk_accounts_user_id FOREIGN KEY (user_id) REFERENCES accounts_user(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY socialaccount_socialtoken
    ADD CONSTRAINT socialaccount_social_account_id_951f210e_fk_socialacc FOREIGN KEY (account_id) REFERENCES socialaccount_socialaccount(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY socialaccount_socialtoken
    ADD CONSTRAINT socialaccount_social_app_id_636a42d7_fk_socialacc FOREIGN KEY (app_id) REFERENCES socialaccount_socialapp(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY socialaccount_socialaccount
    ADD CONSTRAINT socialaccount_social_user_id_8146e70c_fk_accounts_ FOREIGN KEY (user_id) REFERENCES accounts_user(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY usersessions_usersession
    ADD CONSTRAINT usersessions_usersession_user_id_af5e0a6d_fk_accounts_user_id FOREIGN KEY (user_id) REFERENCES accounts_user(id) DEFERRABLE INITIALLY DEFERRED;
INSERT INTO django_migrations (app, name, applied) VALUES
('contenttypes', '0001_initial', now()),
('contenttypes', '0002_remove_content_type_name', now()),
('auth', '0001_initial', now()),
('auth', '0002_alter_permission_name_max_length', now()),
('auth', '0003_alter_user_email_max_length', now()),
('auth', '0004_alter_user_username_opts', now()),
('auth', '0005_alter_user_last_login_null', now()),
('auth', '0006_require_contenttypes_0002', now()),
('auth', '0007_alter_validators_add_error_messages', now()),
('auth', '0008_alter_user_username_max_length', now()),
('auth', '0009_alter_user_last_name_max_length', now()),
('auth', '0010_alter_group_name_max_length', now()),
('auth', '0011_update_proxy_permissions', now()),
('auth', '0012_alter_user_first_name_max_length', now()),
('accounts', '0002_quiet_hours', now()),
('accounts', '0003_idempotency', now()),
('accounts', '0004_token_making', now()),
('accounts', '0005_sign_in', now()),
('accounts', '0006_calendar', now()),
('accounts', '0007_pause', now()),
('accounts', '0008_switched_off', now()),
('account', '0001_initial', now()),
('account', '0002_email_max_length', now()),
('account', '0003_alter_emailaddress_create_unique_verified_email', now()),
('account', '0004_alter_emailaddress_drop_unique_email', now()),
('account', '0005_emailaddress_idx_upper_email', now()),
('account', '0006_emailaddress_lower', now()),
('account', '0007_emailaddress_idx_email', now()),
('account', '0008_emailaddress_unique_primary_email_fixup', now()),
('account', '0009_emailaddress_unique_primary_email', now()),
('accounts', '0002_change', now()),
('accounts', '0003_quotas', now()),
('admin', '0001_initial', now()),
('admin', '0002_logentry_remove_auto_add', now()),
('admin', '0003_logentry_add_action_flag_choices', now()),
('django_celery_beat', '0001_initial', now()),
('django_celery_beat', '0002_auto_20161118_0346', now()),
('django_celery_beat', '0003_auto_20161209_0049', now()),
('django_celery_beat', '0004_auto_20170221_0000', now()),
('django_celery_beat', '0005_add_solarschedule_events_choices', now()),
('django_celery_beat', '0006_auto_20180322_0932', now()),
('django_celery_beat', '0007_auto_20180521_0826', now()),
('django_celery_beat', '0008_auto_20180914_1922', now()),
('django_celery_beat', '0006_auto_20180210_1226', now()),
('django_celery_beat', '0006_periodictask_priority', now()),
('django_celery_beat', '0009_periodictask_headers', now()),
('django_celery_beat', '0010_auto_20190429_0326', now()),
('django_celery_beat', '0011_auto_20190508_0153', now()),
('django_celery_beat', '0012_periodictask_expire_seconds', now()),
('django_celery_beat', '0013_auto_20200609_0727', now()),
('django_celery_beat', '0014_remove_clockedschedule_enabled', now()),
('django_celery_beat', '0015_edit_solarschedule_events_choices', now()),
('django_celery_beat', '0016_alter_crontabschedule_timezone', now()),
('django_celery_beat', '0017_alter_crontabschedule_month_of_year', now()),
('django_celery_beat', '0018_improve_crontab_helptext', now()),
('django_celery_beat', '0019_alter_periodictasks_options', now()),
('mfa', '0001_initial', now()),
('mfa', '0002_authenticator_timestamps', now()),
('mfa', '0003_authenticator_type_uniq', now()),
('notifications', '0002_hot_tables', now()),
('notifications', '0003_tally', now()),
('notifications', '0004_null_channel', now()),
('notifications', '0005_at_most_once', now()),
('notifications', '0006_apprise_and_answers', now()),
('notifications', '0007_verification', now()),
('notifications', '0008_holding', now()),
('notifications', '0009_holding_validated', now()),
('notifications', '0010_closing', now()),
('notifications', '0011_meter', now()),
('notifications', '0012_meter_indexes', now()),
('notifications', '0013_history', now()),
('notifications', '0014_pause', now()),
('notifications', '0015_pause_validated', now()),
('notifications', '0016_list_indexes', now()),
('notifications', '0017_losses', now()),
('notifications', '0018_inbox_index', now()),
('notifications', '0002_attempt_partitions', now()),
('reminders', '0002_tick', now()),
('reminders', '0003_hot_tables', now()),
('reminders', '0004_tally', now()),
('reminders', '0005_prune', now()),
('reminders', '0006_change', now()),
('reminders', '0007_canary', now()),
('reminders', '0008_loop', now()),
('reminders', '0009_loop_at_work', now()),
('reminders', '0010_number', now()),
('reminders', '0011_revision', now()),
('reminders', '0012_past', now()),
('reminders', '0013_closing', now()),
('reminders', '0014_history', now()),
('reminders', '0015_backlog', now()),
('reminders', '0016_pause', now()),
('reminders', '0017_pause_index', now()),
('reminders', '0018_leads_of_days', now()),
('reminders', '0019_restored', now()),
('reminders', '0002_quotas', now()),
('reminders', '0003_plan', now()),
('reminders', '0004_lists', now()),
('reminders', '0005_occurrence_partitions', now()),
('sessions', '0001_initial', now()),
('socialaccount', '0001_initial', now()),
('socialaccount', '0002_token_max_lengths', now()),
('socialaccount', '0003_extra_data_default_dict', now()),
('socialaccount', '0004_app_provider_id_settings', now()),
('socialaccount', '0005_socialtoken_nullable_app', now()),
('socialaccount', '0006_alter_socialaccount_extra_data', now()),
('usersessions', '0001_initial', now()),
('accounts', '0001_initial', now()),
('notifications', '0001_initial', now()),
('reminders', '0001_initial', now());
