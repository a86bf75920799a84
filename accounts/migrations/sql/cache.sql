-- FOAM's own cache, which is not Redis: see accounts/sign_in/cache.py. As `createcachetable` makes it.
CREATE TABLE accounts_cache (
    cache_key varchar(255) NOT NULL PRIMARY KEY,
    value text NOT NULL,
    expires timestamp with time zone NOT NULL
);
CREATE INDEX accounts_cache_expires ON accounts_cache (expires);
