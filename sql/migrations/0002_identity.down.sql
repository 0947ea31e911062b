-- SPDX-License-Identifier: Apache-2.0
-- Takes accounts, sessions, refresh tokens and second factors away again, with everything in them.

DELETE FROM forge.app_rights WHERE relation IN ('users', 'sessions', 'refresh_tokens', 'mfa_factors');
DROP TABLE forge.mfa_factors;
DROP TABLE forge.refresh_tokens;
DROP TABLE forge.sessions;
DROP TABLE forge.users;
DROP FUNCTION forge.users_state();
