-- SPDX-License-Identifier: Apache-2.0
-- Undoes 0012_accounts. What was erased stays erased.

DROP TRIGGER last_admin ON forge.users;
DROP FUNCTION forge.users_last_admin();
DROP TRIGGER comeback ON forge.users;
DROP FUNCTION forge.users_comeback();
DROP INDEX forge.users_created_at, forge.users_username;
ALTER TABLE forge.users
    DROP CONSTRAINT users_erase_at_agrees,
    DROP CONSTRAINT users_anonymized_at_inactive,
    DROP CONSTRAINT users_username_reserved,
    DROP CONSTRAINT users_email_reserved,
    DROP COLUMN erase_at,
    DROP COLUMN anonymized_at,
    DROP COLUMN search;
