-- SPDX-License-Identifier: Apache-2.0
-- wrk -t1 -c1: follows rel="next" from the first page to the last one, then prints "LAST pages rows path" and ends wrk.
local path, pages, rows

function init()
    path, pages, rows = wrk.path, 0, 0
end

function request()
    return wrk.format("GET", path)
end

function response(status, headers, body)
    local link = headers["Link"] or ""
    local _, found = body:gsub('{"id":', "")
    local following = link:match('<([^>]*)>; rel="next"')
    pages, rows = pages + 1, rows + found
    if status ~= 200 or not following then
        io.write(string.format("LAST %d %d %s\n", pages, status == 200 and rows or -status, path))
        io.stdout:flush()
        os.exit(status == 200 and 0 or 1)
    end
    path = following
end
