-- SPDX-License-Identifier: Apache-2.0
-- Takes invitations, the rule of the last owner and enrolments away again.

DELETE FROM forge.app_rights WHERE relation IN ('invitations', 'enrollments');
UPDATE forge.app_rights SET rights = '{SELECT}' WHERE relation IN ('organizations', 'memberships');
DROP TABLE forge.enrollments;
DROP TABLE forge.invitations;
DROP INDEX forge.memberships_owners;
DROP TRIGGER last_owner ON forge.users;
DROP FUNCTION forge.users_last_owner();
DROP TRIGGER last_owner ON forge.memberships;
DROP FUNCTION forge.memberships_last_owner();
