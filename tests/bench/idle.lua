-- SPDX-License-Identifier: Apache-2.0
-- wrk -t1: each of the BENCH_CONNECTIONS connections makes one request and then keeps still.
local left = tonumber(os.getenv("BENCH_CONNECTIONS"))

function delay()
    left = left - 1
    return left >= 0 and 0 or 3600000
end
