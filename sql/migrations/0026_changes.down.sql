-- SPDX-License-Identifier: Apache-2.0
-- Takes away the telling of changes again.

DROP FUNCTION forge.changed() CASCADE;
