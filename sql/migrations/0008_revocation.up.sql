-- SPDX-License-Identifier: Apache-2.0
-- What ended is told to every node: the moment of an epoch, and NOTIFY forge_events (DESIGN 3).

SELECT 1;
