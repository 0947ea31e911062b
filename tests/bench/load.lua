-- SPDX-License-Identifier: Apache-2.0
-- wrk: one kind of request as fast as the server takes it. The environment says what: BENCH_TOKEN (bearer), BENCH_BODY (a POST of JSON),
-- BENCH_IDS (a random id up to this is added to the path), BENCH_CLOSES (connections that httpd closes are no failure: event does so with idle ones
-- while all threads of a child are busy). Ends with a line "RESULT requests seconds p50_us p99_us failures (which)".
local token, body, ids = os.getenv("BENCH_TOKEN"), os.getenv("BENCH_BODY"), tonumber(os.getenv("BENCH_IDS"))
local ring, turn = {}, 0

if token then wrk.headers["Authorization"] = "Bearer " .. token end
if body then
    wrk.method = "POST"
    wrk.body = body
    wrk.headers["Content-Type"] = "application/json"
end

-- Made once, so that the client's part of the work is the same as with a constant request.
if ids then
    function init()
        for i = 1, 509 do ring[i] = wrk.format(nil, wrk.path .. "/" .. math.random(ids)) end
    end
    function request()
        turn = turn % #ring + 1
        return ring[turn]
    end
end

function done(summary, latency)
    local e = summary.errors
    io.write(string.format("RESULT %d %.6f %d %d %d (%d refused, %d connects, %d reads, %d writes, %d time-outs)\n", summary.requests, summary.duration / 1e6,
        latency:percentile(50), latency:percentile(99), e.status + e.connect + (os.getenv("BENCH_CLOSES") and 0 or e.read) + e.write + e.timeout, e.status, e.connect, e.read, e.write, e.timeout))
end
