/* SPDX-License-Identifier: Apache-2.0
 * What the rows of lists owe to the lists themselves: a query parameter for each filter, and the parameter sort by the
 * names of the orders.
 */
#include "lists.h"
#include "wire.h"
#include <apr_strings.h>
#include <string.h>

/* The names of orders become the enum of the parameter sort, so each is a word of its own. */
static const char *orders_problem(const forge_list_names_t *lists, const forge_list_t *list)
{
    const char *name;
    for (int i = 0; (name = lists->order(list, i)); i++) {
        if (!*name || strchr(name, '|'))
            return "an order of the list has no good name";
        for (int other = 0; other < i; other++)
            if (strcmp(lists->order(list, other), name) == 0)
                return "two orders of the list have the same name"; /* the second would refuse the cursors of its own
                                                                       pages */
    }
    return NULL;
}

static const char *filters_problem(apr_pool_t *p, const forge_list_names_t *lists, const forge_route_t *route)
{
    const char *name;
    for (int i = 0; (name = lists->filter(route->list, i)); i++)
        if (*name != '_' && (!route->query || forge_core_walk_find(route->query->fields, name, NULL) < 0))
            return apr_pstrcat(p, "the list filters by ", name, ", which is no parameter of its query", NULL);
    return NULL;
}

const char *forge_core_list_problem(apr_pool_t *p, const forge_list_names_t *lists, const forge_route_t *route)
{
    bool is_list = route->flags & FORGE_R_LIST;
    if (is_list == !route->list)
        return is_list ? "a list needs to say which" : "only lists have one";
    if (!is_list)
        return NULL;
    if (!lists)
        return "nobody knows the names of its list";
    if (route->query && forge_core_walk_find(route->query->fields, "sort", NULL) >= 0)
        return "the parameter sort is made from the orders of the list";
    const char *problem = lists->problem(route->list);
    if (!problem)
        problem = orders_problem(lists, route->list);
    return problem ? problem : filters_problem(p, lists, route);
}

const forge_field_t *forge_core_list_sort(apr_pool_t *p, const forge_list_names_t *lists, const forge_route_t *route)
{
    const forge_list_t *list = route->list;
    const char *name, *last = lists->order(list, 0), *format = apr_pstrcat(p, "enum:", last, NULL);
    if (!lists->order(list, 1))
        return NULL;
    for (int i = 1; (name = lists->order(list, i)); i++) {
        format = apr_pstrcat(p, format, "|", name, NULL);
        last = name;
    }
    forge_field_t *sort = apr_pcalloc(p, sizeof(*sort) * 2);
    sort[0] = (forge_field_t){"sort",
                              FORGE_T_TEXT,
                              .format = format,
                              .preset = lists->order(list, 0),
                              .example = last,
                              .help = "order",
                              .named = route->reply ? apr_pstrcat(p, route->reply->name, "Order", NULL) : NULL};
    return sort;
}
