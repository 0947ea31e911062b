-- SPDX-License-Identifier: Apache-2.0
-- What the administration of accounts needs (SPEC 4).

SELECT 1;
