-- SPDX-License-Identifier: Apache-2.0
-- The schema itself and forge.migrations stay: the runner keeps its record there.

DROP FUNCTION forge.grant_app(text);
DROP TABLE forge.app_rights;
DROP FUNCTION forge.touch();
