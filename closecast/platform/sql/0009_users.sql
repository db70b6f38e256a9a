-- People who sign in with a password, and their sessions. A user is never deleted: the audit log names users, and a name
-- must not come to mean somebody else.

CREATE TABLE users (
  id                  text PRIMARY KEY CHECK (id ~ '^[a-z0-9]{12}$'),
  name                text NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9][a-z0-9._@+-]{0,99}$'),
  role                text NOT NULL CHECK (role IN ('viewer', 'scorer', 'admin')),
  password            text NOT NULL CHECK (password LIKE '$argon2id$%'),
  created_by          text NOT NULL,
  created_at          timestamptz NOT NULL DEFAULT now(),
  password_changed_at timestamptz NOT NULL DEFAULT now(),
  disabled_at         timestamptz
);

CREATE TABLE sessions (
  sha256      bytea PRIMARY KEY CHECK (length(sha256) = 32),
  user_id     text NOT NULL REFERENCES users,
  begun_at    timestamptz NOT NULL DEFAULT now(),
  valid_until timestamptz NOT NULL
);
CREATE INDEX ON sessions (user_id);

-- Attempts with a wrong password in a row, by the hash of the name that was given: a name that nobody has is locked like
-- one that somebody has, so that locking tells nothing, and what was typed by mistake is not kept.
CREATE TABLE failed_sign_ins (
  name         bytea PRIMARY KEY CHECK (length(name) = 32),
  attempts     int NOT NULL,
  attempted_at timestamptz NOT NULL DEFAULT now(),
  locked_until timestamptz
);

CREATE TRIGGER users_changed AFTER UPDATE OF role, disabled_at ON users
  FOR EACH STATEMENT EXECUTE FUNCTION api_keys_changed();
CREATE TRIGGER sessions_changed AFTER INSERT OR UPDATE OR DELETE ON sessions
  FOR EACH STATEMENT EXECUTE FUNCTION api_keys_changed();
