-- SPDX-License-Identifier: Apache-2.0
-- Takes lockout, backup codes and challenges away again.

DELETE FROM forge.app_rights WHERE relation IN ('login_failures', 'login_challenges', 'mfa_backup_codes');
UPDATE forge.app_rights SET rights = '{SELECT}' WHERE relation = 'mfa_factors';
DROP TABLE forge.mfa_backup_codes;
DROP TABLE forge.login_challenges;
DROP TABLE forge.login_failures;
