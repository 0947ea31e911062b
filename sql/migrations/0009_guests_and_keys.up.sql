-- SPDX-License-Identifier: Apache-2.0
-- Guests, API keys and tickets (SPEC 3).

SELECT 1;
