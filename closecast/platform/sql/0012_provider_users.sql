-- People whom an OpenID provider signs in. They are told by the provider's issuer and their subject there; the name is for
-- people, and begins with the provider's, so that nobody there can take the name of somebody who has a password here.

ALTER TABLE users
  ADD COLUMN issuer  text,
  ADD COLUMN subject text,
  ALTER COLUMN password DROP NOT NULL,
  ALTER COLUMN password_changed_at DROP NOT NULL,
  DROP CONSTRAINT users_name_check,
  ADD CONSTRAINT users_name_check CHECK (name ~ '^([a-z][a-z0-9-]{0,30}:)?[a-z0-9][a-z0-9._@+-]{0,112}$'),
  ADD CONSTRAINT users_provider_check CHECK (
    num_nonnulls(issuer, subject) = CASE WHEN password IS NULL THEN 2 ELSE 0 END
    AND (password IS NULL) = (name LIKE '%:%')
    AND (password IS NULL) = (password_changed_at IS NULL)
  ),
  ADD CONSTRAINT users_subject_key UNIQUE (issuer, subject);
