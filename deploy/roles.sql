-- The two roles of Fanwise and what they may do. The embedded server runs this in template1, so every database made
-- later inherits it. On your own server run it once as a superuser in the database that Fanwise gets, then give both
-- roles a password and the database to its owner:
--   \password fanwise_owner
--   \password fanwise_app
--   ALTER DATABASE fanwise OWNER TO fanwise_owner;
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'fanwise_owner') THEN
        CREATE ROLE fanwise_owner;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'fanwise_app') THEN
        CREATE ROLE fanwise_app;
    END IF;
END
$$;

-- Owns the schema: migrations and test databases only.
ALTER ROLE fanwise_owner LOGIN CREATEDB NOCREATEROLE NOSUPERUSER NOBYPASSRLS;
-- What the site and the workers log in as: row-level security binds it.
ALTER ROLE fanwise_app LOGIN NOCREATEDB NOCREATEROLE NOSUPERUSER NOBYPASSRLS;

REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO fanwise_app;
ALTER DEFAULT PRIVILEGES FOR ROLE fanwise_owner GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO fanwise_app;
ALTER DEFAULT PRIVILEGES FOR ROLE fanwise_owner GRANT USAGE, SELECT ON SEQUENCES TO fanwise_app;
ALTER DEFAULT PRIVILEGES FOR ROLE fanwise_owner GRANT EXECUTE ON FUNCTIONS TO fanwise_app;
