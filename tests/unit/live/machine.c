/* SPDX-License-Identifier: Apache-2.0
 * Tests of live/machine.c and live/cgroup.c with trees of files that look like the kernel's.
 */
#include "live/machine.h"
#include "live/live_private.h"
#include "unit.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[64];

static void tree_begin(void)
{
    forge_test_begin();
    strcpy(root, "/tmp/forge-machine-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(root));
}

static void tree_end(void)
{
    char command[128];
    snprintf(command, sizeof(command), "rm -rf '%s'", root);
    ck_assert_int_eq(system(command), 0);
    forge_test_end();
}

/* Writes a file of the tree, and the folders above it. */
static void file(const char *path, const char *format, ...)
{
    char name[512];
    va_list words;
    snprintf(name, sizeof(name), "%s%s", root, path);
    for (char *at = strchr(name + strlen(root) + 1, '/'); at; at = strchr(at + 1, '/')) {
        *at = '\0';
        mkdir(name, 0700);
        *at = '/';
    }
    FILE *f = fopen(name, "w");
    ck_assert_msg(f != NULL, "%s", name);
    va_start(words, format);
    vfprintf(f, format, words);
    va_end(words);
    fclose(f);
}

static forge_machine_t look(void)
{
    forge_machine_t machine;
    forge_live_machine_read(root, 100, &machine);
    return machine;
}

static forge_cgroup_t group(void)
{
    forge_cgroup_t found;
    forge_live_cgroup_read(root, &found);
    return found;
}

START_TEST(nothing_is_known_of_an_empty_tree)
{
    forge_machine_t m = look();
    const uint64_t words[] = {m.cpu_busy,  m.cpu_total, m.cores, m.memory, m.available, m.swap,
                              m.swap_free, m.rx,        m.tx,    m.read,   m.written,   m.processes,
                              m.running,   m.httpd,     m.rss,   m.threads};
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        ck_assert_msg(words[i] == FORGE_UNKNOWN, "figure %zu", i);
    ck_assert(isnan(m.load[0]) && isnan(m.load[1]) && isnan(m.load[2]) && isnan(m.uptime));
    forge_cgroup_t g = group();
    ck_assert(isnan(g.cores) && g.memory_limit == FORGE_UNKNOWN);
}
END_TEST

START_TEST(processors_load_and_memory)
{
    file("/proc/stat", "cpu  10 20 30 400 50 6 7 8 9 1\ncpu0 1 2 3\ncpu1 1 2 3\nintr 5\nctxt 1\n");
    file("/proc/loadavg", "1.50 0.25 0.10 3/812 4711\n");
    file("/proc/uptime", "53675.78 35016.02\n");
    file("/proc/meminfo",
         "MemTotal: 1000 kB\nMemFree: 100 kB\nMemAvailable:    600 kB\nSwapTotal: 50 kB\nSwapFree: 20 kB\n");
    forge_machine_t m = look();
    ck_assert_uint_eq(m.cpu_busy, 10 + 20 + 30 + 6 + 7 + 8);
    ck_assert_uint_eq(m.cpu_total, 10 + 20 + 30 + 400 + 50 + 6 + 7 + 8);
    ck_assert_uint_eq(m.cores, 2);
    ck_assert_double_eq_tol(m.load[0], 1.5, 1e-9);
    ck_assert_double_eq_tol(m.load[2], 0.1, 1e-9);
    ck_assert_uint_eq(m.running, 3);
    ck_assert_double_eq_tol(m.uptime, 53675.78, 1e-6);
    ck_assert_uint_eq(m.memory, 1024000);
    ck_assert_uint_eq(m.available, 614400);
    ck_assert_uint_eq(m.swap - m.swap_free, 30 * 1024);
}
END_TEST

#define NET_HEAD "Inter-| Receive | Transmit\n face |bytes packets|bytes packets\n"
#define NET_LINE "%s: %d 1 0 0 0 0 0 0 %d 1 0 0 0 0 0 0\n"

START_TEST(interfaces_upon_hardware_are_not_counted_twice)
{
    file("/proc/net/dev", NET_HEAD NET_LINE NET_LINE NET_LINE, "    lo", 5000, 5000, "  eth0", 100, 200, "docker0", 40,
         50);
    forge_machine_t m = look();
    ck_assert_uint_eq(m.rx, 140); /* inside a container no interface has hardware */
    ck_assert_uint_eq(m.tx, 250);
    file("/sys/class/net/eth0/device/vendor", "1");
    m = look();
    ck_assert_uint_eq(m.rx, 100);
    ck_assert_uint_eq(m.tx, 200);
}
END_TEST

START_TEST(whole_disks_are_counted_and_their_parts_are_not)
{
    file("/proc/diskstats", "%s",
         "   8 0 sda 10 0 100 5 20 0 200 7 0 1 2\n   8 1 sda1 10 0 90 5 20 0 200 7 0 1 2\n"
         " 253 0 dm-0 1 0 90 5 2 0 200 7 0 1 2\n 259 0 nvme0n1 1 0 10 5 2 0 20 7 0 1 2\n");
    ck_assert_uint_eq(look().read, FORGE_UNKNOWN);
    file("/sys/block/sda/device/vendor", "1");
    file("/sys/block/nvme0n1/device/model", "1");
    forge_machine_t m = look();
    ck_assert_uint_eq(m.read, 110 * 512);
    ck_assert_uint_eq(m.written, 220 * 512);
}
END_TEST

static void process(int pid, const char *name, int parent, int threads, int pages)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    file(path,
         "%d (%s) S %d 1 1 0 -1 4194304 105 0 0 0 0 0 0 0 20 0 %d 0 5424268 2998272 %d 18446744073709551615 1 2 3\n",
         pid, name, parent, threads, pages);
}

START_TEST(processes_of_this_server_are_told_from_its_helpers)
{
    process(1, "init", 0, 1, 10);
    process(100, "apache2", 1, 1, 20);
    process(101, "apache2", 100, 27, 30);
    process(102, "apache2", 100, 28, 31);
    process(103, "rotatelogs", 100, 1, 5);
    process(104, "apache2", 1, 9, 9); /* another server */
    process(105, "sh ) S 100 (", 104, 1, 1);
    file("/proc/loadavg", "0 0 0 1/2 3\n");
    forge_machine_t m = look();
    ck_assert_uint_eq(m.processes, 7);
    ck_assert_uint_eq(m.httpd, 3);
    ck_assert_uint_eq(m.threads, 56);
    ck_assert_uint_eq(m.rss, 81 * (uint64_t)sysconf(_SC_PAGESIZE));
}
END_TEST

/* --- control groups --- */

START_TEST(version_2_the_tightest_limit_on_the_way_up)
{
    file("/proc/self/cgroup", "0::/site.slice/apache2.service\n");
    file("/sys/fs/cgroup/site.slice/apache2.service/memory.max", "max\n");
    file("/sys/fs/cgroup/site.slice/apache2.service/memory.current", "1000\n");
    file("/sys/fs/cgroup/site.slice/apache2.service/cpu.max", "150000 100000\n");
    file("/sys/fs/cgroup/site.slice/apache2.service/cpu.stat", "usage_usec 777\nuser_usec 1\n");
    file("/sys/fs/cgroup/site.slice/memory.max", "500000\n");
    file("/sys/fs/cgroup/site.slice/memory.current", "300000\n");
    file("/sys/fs/cgroup/site.slice/memory.stat", "anon 1\ninactive_file_x 9\ninactive_file 100000\n");
    file("/sys/fs/cgroup/site.slice/cpu.max", "max 100000\n");
    forge_cgroup_t g = group();
    ck_assert_uint_eq(g.memory_limit, 500000);
    ck_assert_uint_eq(g.memory_used, 200000);
    ck_assert_double_eq_tol(g.cores, 1.5, 1e-9);
    ck_assert_uint_eq(g.cpu, 777);
}
END_TEST

/* The path is the host's, and the container's own group is what is mounted. */
START_TEST(version_1_inside_a_container)
{
    file("/proc/self/cgroup", "%s",
         "12:pids:/docker/ab\n5:memory:/docker/ab\n4:cpu,cpuacct:/docker/ab\n1:name=systemd:/docker/ab\n");
    file("/sys/fs/cgroup/memory/memory.limit_in_bytes", "1048576\n");
    file("/sys/fs/cgroup/memory/memory.usage_in_bytes", "524288\n");
    file("/sys/fs/cgroup/memory/memory.stat", "inactive_file 7\ntotal_inactive_file 24288\n");
    file("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "50000\n");
    file("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
    file("/sys/fs/cgroup/cpuacct/cpuacct.usage", "9000000\n");
    forge_cgroup_t g = group();
    ck_assert_uint_eq(g.memory_limit, 1048576);
    ck_assert_uint_eq(g.memory_used, 500000);
    ck_assert_double_eq_tol(g.cores, 0.5, 1e-9);
    ck_assert_uint_eq(g.cpu, 9000);
}
END_TEST

START_TEST(version_1_without_limits)
{
    file("/proc/self/cgroup", "%s", "5:memory:/\n4:cpu:/\n");
    file("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    file("/sys/fs/cgroup/memory/memory.usage_in_bytes", "524288\n");
    file("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
    file("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
    file("/sys/fs/cgroup/cpu/cpuacct.usage", "9000000\n");
    forge_cgroup_t g = group();
    ck_assert(isnan(g.cores) && g.memory_limit == FORGE_UNKNOWN);
}
END_TEST

/* What no kernel says must not bring anything down. */
START_TEST(garbage_is_unknown_or_a_number)
{
    static const char *const files[] = {"stat",   "loadavg",  "meminfo",     "net/dev", "diskstats",
                                        "uptime", "100/stat", "self/cgroup", NULL};
    static const char *const texts[] = {"\n",       ":",          "::::\n:",   "cpu \n",          "0::\n",
                                        "0::/../a", "((((",       ")(",        "eth0:",           "cpu  -1 -1",
                                        "100 (a",   "100 (a) S ", "MemTotal:", "5:memory,cpu:/a", "\xff\xfe 1 2 3"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        for (const char *const *name = files; *name; name++) {
            char path[64];
            snprintf(path, sizeof(path), "/proc/%s", *name);
            file(path, "%s", texts[i]);
        }
        ck_assert_uint_eq(look().processes, 1);
        group();
    }
}
END_TEST

/* The kernel that this runs on. */
START_TEST(this_machine_is_plausible)
{
    forge_machine_t m;
    forge_live_machine_read("", getpid(), &m);
    ck_assert_uint_gt(m.cpu_total, 0);
    ck_assert_uint_le(m.cpu_busy, m.cpu_total);
    ck_assert_uint_eq(m.cores, (uint64_t)sysconf(_SC_NPROCESSORS_ONLN));
    ck_assert(m.memory > 0 && m.available <= m.memory);
    ck_assert(m.processes != FORGE_UNKNOWN && m.processes >= 1);
    ck_assert_uint_ge(m.httpd, 1);
    ck_assert_uint_gt(m.rss, 0);
}
END_TEST

Suite *forge_test_live_machine(void)
{
    Suite *s = suite_create("live_machine");
    TCase *tc = tcase_create("machine");
    tcase_add_checked_fixture(tc, tree_begin, tree_end);
    tcase_add_test(tc, nothing_is_known_of_an_empty_tree);
    tcase_add_test(tc, processors_load_and_memory);
    tcase_add_test(tc, interfaces_upon_hardware_are_not_counted_twice);
    tcase_add_test(tc, whole_disks_are_counted_and_their_parts_are_not);
    tcase_add_test(tc, processes_of_this_server_are_told_from_its_helpers);
    tcase_add_test(tc, version_2_the_tightest_limit_on_the_way_up);
    tcase_add_test(tc, version_1_inside_a_container);
    tcase_add_test(tc, version_1_without_limits);
    tcase_add_test(tc, garbage_is_unknown_or_a_number);
    tcase_add_test(tc, this_machine_is_plausible);
    suite_add_tcase(s, tc);
    return s;
}
