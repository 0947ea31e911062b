-- SPDX-License-Identifier: Apache-2.0
-- What an administrator closed stays closed when a change of address is undone, also where its holder had closed it before.

ALTER TABLE forge.email_undos ADD COLUMN reopens boolean NOT NULL DEFAULT true;
COMMENT ON COLUMN forge.email_undos.reopens IS 'whether it opens an account again that its holder closed after the change';
