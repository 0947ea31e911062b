-- SPDX-License-Identifier: Apache-2.0
-- Takes organisations and memberships away again.

DELETE FROM forge.app_rights WHERE relation IN ('organizations', 'memberships');
DROP TABLE forge.memberships;
DROP TABLE forge.organizations;
