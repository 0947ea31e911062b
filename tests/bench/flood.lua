-- SPDX-License-Identifier: Apache-2.0
-- wrk: the same login again and again, whatever the answer. BENCH_BODY is its JSON. A connection that httpd closes to make room is opened again.
-- Ends with a line "RESULT granted refused other refusals_without_Retry-After p50_us p99_us max_us seconds".
local threads = {}
wrk.method = "POST"
wrk.body = os.getenv("BENCH_BODY")
wrk.headers["Content-Type"] = "application/json"

function setup(thread) table.insert(threads, thread) end

function init() granted, refused, other, bare = 0, 0, 0, 0 end

function response(status, headers)
    if status == 200 then
        granted = granted + 1
    elseif status == 429 or status == 503 then
        refused = refused + 1
        if not headers["Retry-After"] then bare = bare + 1 end
    else
        other = other + 1
    end
end

function done(summary, latency)
    local n = { granted = 0, refused = 0, other = 0, bare = 0 }
    for _, thread in ipairs(threads) do
        for name in pairs(n) do n[name] = n[name] + thread:get(name) end
    end
    local e = summary.errors
    io.write(string.format("RESULT %d %d %d %d %d %d %d %.6f\n", n.granted, n.refused, n.other + e.connect + e.write + e.timeout, n.bare,
        latency:percentile(50), latency:percentile(99), latency.max, summary.duration / 1e6))
end
