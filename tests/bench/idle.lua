-- SPDX-License-Identifier: Apache-2.0
-- wrk -t1: each of the BENCH_CONNECTIONS connections makes one request and then keeps still. One after the other: httpd closes idle connections when a
-- burst takes all its threads.
local connections, asked = tonumber(os.getenv("BENCH_CONNECTIONS")), 0

function delay()
    asked = asked + 1
    return asked <= connections and asked * 3 or 3600000
end
