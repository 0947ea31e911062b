-- SPDX-License-Identifier: Apache-2.0
-- Mails that wait and tokens that were sent are lost.

DELETE FROM forge.app_rights WHERE relation IN ('one_time_tokens', 'mail_outbox');
DROP TABLE forge.mail_outbox;
DROP TABLE forge.one_time_tokens;
