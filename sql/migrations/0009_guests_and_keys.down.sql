-- SPDX-License-Identifier: Apache-2.0
-- Undoes 0009_guests_and_keys. Guests go with it: the schema before had no room for them.

DELETE FROM forge.app_rights WHERE relation IN ('api_keys', 'stream_tickets');
UPDATE forge.app_rights SET rights = '{SELECT,INSERT,UPDATE}' WHERE relation = 'users';
DROP TABLE forge.stream_tickets;
DROP TABLE forge.api_keys;
DROP FUNCTION forge.api_keys_limit();
DROP TRIGGER keep ON forge.users;
DROP FUNCTION forge.users_delete();
DROP INDEX forge.users_guests;
DELETE FROM forge.users WHERE email IS NULL;
ALTER TABLE forge.users
    DROP CONSTRAINT users_account_whole,
    ALTER COLUMN email SET NOT NULL,
    ALTER COLUMN email_key SET NOT NULL,
    ALTER COLUMN password_hash SET NOT NULL;
