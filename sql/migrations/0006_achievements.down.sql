-- SPDX-License-Identifier: Apache-2.0
-- Takes achievements and awards away again.

DELETE FROM forge.app_rights WHERE relation IN ('achievements', 'user_achievements');
DROP TABLE forge.user_achievements;
DROP TABLE forge.achievements;
