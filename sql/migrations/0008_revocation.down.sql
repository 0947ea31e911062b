-- SPDX-License-Identifier: Apache-2.0
-- Nodes no longer hear of what others end.

DELETE FROM forge.app_rights WHERE relation = 'revocations';
DROP TRIGGER gone ON forge.users;
DROP TRIGGER epoch_rose ON forge.users;
DROP FUNCTION forge.epoch_rose();
DROP TRIGGER gone ON forge.sessions;
DROP TRIGGER ended ON forge.sessions;
DROP FUNCTION forge.session_ended();
DROP TRIGGER epoch ON forge.users;
DROP FUNCTION forge.users_epoch();
DROP TABLE forge.revocations;
