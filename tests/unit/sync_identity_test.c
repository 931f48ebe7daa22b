/* SPDX-License-Identifier: Apache-2.0 */
/* Interfaces and identity, beside what netdevice(7), getifaddrs(3) and uname(2) say. */
#include "weir_test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <sync_priv.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

static struct weir_sync_links l;

static void test_links_are_those_of_the_kernel(void)
{
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	for (uint32_t i = 0; i < l.links; i++) {
		const struct weir_sync_link *k = &l.link[i];
		struct ifreq rq = { 0 };

		CU_ASSERT_EQUAL(if_nametoindex(k->name), k->index);
		snprintf(rq.ifr_name, sizeof(rq.ifr_name), "%s", k->name);
		CU_ASSERT_EQUAL(ioctl(fd, SIOCGIFHWADDR, &rq), 0);
		if (k->has_mac)
			CU_ASSERT_EQUAL(memcmp(rq.ifr_hwaddr.sa_data, k->mac, 6), 0);
		CU_ASSERT_EQUAL(ioctl(fd, SIOCGIFFLAGS, &rq), 0);
		CU_ASSERT_EQUAL((rq.ifr_flags & IFF_UP) != 0, k->up);
	}
	close(fd);
	CU_ASSERT_PTR_NOT_NULL(weir_sync_link_named(&l, "lo"));
	CU_ASSERT_PTR_NULL(weir_sync_link_named(&l, "no-such-link"));
}

static bool have(int family, const void *ip, const char *name)
{
	for (uint32_t i = 0; i < l.addresses; i++)
		if (l.address[i].family == family && l.address[i].index == if_nametoindex(name) &&
		    memcmp(l.address[i].ip, ip, family == AF_INET ? 4 : 16) == 0)
			return true;
	return false;
}

static void test_addresses_are_those_of_getifaddrs(void)
{
	struct ifaddrs *all, *a;
	uint32_t n = 0;

	CU_ASSERT_EQUAL_FATAL(getifaddrs(&all), 0);
	for (a = all; a != NULL; a = a->ifa_next) {
		const int family = a->ifa_addr != NULL ? a->ifa_addr->sa_family : 0;

		if (family != AF_INET && family != AF_INET6)
			continue;
		n++;
		CU_ASSERT_TRUE(
			have(family,
			     family == AF_INET
				     ? (void *)&((struct sockaddr_in *)a->ifa_addr)->sin_addr
				     : (void *)&((struct sockaddr_in6 *)a->ifa_addr)->sin6_addr,
			     a->ifa_name));
	}
	CU_ASSERT_EQUAL(n, l.addresses);
	freeifaddrs(all);
}

static void test_the_way_to_oneself_is_the_loopback(void)
{
	struct weir_sync_env env = { 0 };
	struct weir_sync_identity id;
	struct weir_err err = { 0 };

	CU_ASSERT_EQUAL_FATAL(weir_sync_identity_find(&id, &env, &l, "127.0.0.1", &err), 0);
	CU_ASSERT_STRING_EQUAL(id.ip, "127.0.0.1");
	CU_ASSERT_STRING_EQUAL(id.mac, "00:00:00:00:00:00");
	CU_ASSERT_EQUAL(weir_sync_identity_find(&id, &env, &l, "nobody", &err), -EINVAL);
}

/* A host as the documents of DeepFlow's chart describe it; nothing of this machine. */
static struct weir_sync_link links[] = {
	{ .index = 1, .name = "lo", .has_mac = true, .up = true },
	{ .index = 2, .name = "eth0", .mac = { 2, 0, 0, 0, 0, 0xa }, .has_mac = true, .up = true },
	{ .index = 3, .name = "bare", .mac = { 2, 0, 0, 0, 0, 0xb }, .has_mac = true, .up = true },
};
static struct weir_sync_address addresses[] = {
	{ 1, AF_INET, 8, { 127, 0, 0, 1 } },
	{ 2, AF_INET, 16, { 169, 254, 3, 4 } },
	{ 2, AF_INET, 24, { 10, 1, 2, 3 } },
};
static const struct weir_sync_links made = { links, addresses, 3, 3 };

static void test_the_environment_names_the_interface(void)
{
	struct weir_sync_env env = { .interface = "eth0" };
	struct weir_sync_identity id;
	struct weir_err err = { 0 };

	CU_ASSERT_EQUAL_FATAL(weir_sync_identity_find(&id, &env, &made, "192.0.2.1", &err), 0);
	CU_ASSERT_STRING_EQUAL(id.ip, "10.1.2.3"); /* not the link-local one */
	CU_ASSERT_STRING_EQUAL(id.mac, "02:00:00:00:00:0a");
	snprintf(env.pod_ips, sizeof(env.pod_ips), "fe80::1, 10.244.0.9,10.244.0.10");
	CU_ASSERT_EQUAL_FATAL(weir_sync_identity_find(&id, &env, &made, "192.0.2.1", &err), 0);
	CU_ASSERT_STRING_EQUAL(id.ip, "10.244.0.9");
	snprintf(env.interface, sizeof(env.interface), "eth7");
	CU_ASSERT_EQUAL(weir_sync_identity_find(&id, &env, &made, "192.0.2.1", &err), -ENOENT);
	CU_ASSERT_STRING_EQUAL(err.msg, "CTRL_NETWORK_INTERFACE: there is no interface eth7");
	snprintf(env.interface, sizeof(env.interface), "bare");
	env.pod_ips[0] = '\0';
	CU_ASSERT_EQUAL(weir_sync_identity_find(&id, &env, &made, "192.0.2.1", &err), -ENOENT);
}

static void test_a_node_address_counts_where_a_link_has_it(void)
{
	struct weir_sync_env env = { .node_ip = "10.1.2.3" };
	struct weir_sync_identity id;
	struct weir_err err = { 0 };

	CU_ASSERT_EQUAL_FATAL(weir_sync_identity_find(&id, &env, &made, "127.0.0.1", &err), 0);
	CU_ASSERT_STRING_EQUAL(id.ip, "10.1.2.3");
	CU_ASSERT_STRING_EQUAL(id.mac, "02:00:00:00:00:0a");
	snprintf(env.node_ip, sizeof(env.node_ip), "10.1.2.4");
	CU_ASSERT_EQUAL_FATAL(weir_sync_identity_find(&id, &env, &made, "127.0.0.1", &err), 0);
	CU_ASSERT_STRING_EQUAL(id.ip, "127.0.0.1"); /* the kernel's route */
}

static void test_addresses_others_may_know(void)
{
	static const struct {
		const char *text;
		bool global;
	} rows[] = {
		{ "10.0.0.1", true },    { "127.0.0.53", false },  { "0.0.0.0", false },
		{ "224.0.0.1", false },  { "169.254.9.9", false }, { "::1", false },
		{ "::", false },         { "fe80::1", false },     { "ff02::1", false },
		{ "2001:db8::1", true }, { "fd00::1", true },
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(rows); i++) {
		const int family = strchr(rows[i].text, ':') != NULL ? AF_INET6 : AF_INET;
		uint8_t ip[16] = { 0 };

		CU_ASSERT_EQUAL(inet_pton(family, rows[i].text, ip), 1);
		CU_ASSERT_EQUAL(weir_sync_is_global((uint8_t)family, ip), rows[i].global);
	}
}

static void test_the_host_is_what_the_kernel_says(void)
{
	struct weir_sync_host h;
	struct utsname u;

	weir_sync_host_read(&h);
	CU_ASSERT_EQUAL(uname(&u), 0);
	CU_ASSERT_STRING_EQUAL(h.kernel, u.release);
	CU_ASSERT_STRING_EQUAL(h.arch, u.machine);
	CU_ASSERT_TRUE(h.cpus >= 1);
	CU_ASSERT_TRUE(h.memory_bytes > 64 << 20);
	CU_ASSERT_TRUE(h.name[0] != '\0');
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "links are those of the kernel", test_links_are_those_of_the_kernel },
		{ "addresses are those of getifaddrs", test_addresses_are_those_of_getifaddrs },
		{ "the way to oneself is the loopback", test_the_way_to_oneself_is_the_loopback },
		{ "the environment names the interface", test_the_environment_names_the_interface },
		{ "a node address counts where a link has it",
		  test_a_node_address_counts_where_a_link_has_it },
		{ "addresses others may know", test_addresses_others_may_know },
		{ "the host is what the kernel says", test_the_host_is_what_the_kernel_says },
		CU_TEST_INFO_NULL,
	};
	struct weir_err err = { 0 };
	int rc;

	(void)weir_sync_ns_enter("net"); /* what is compared is to be of the same namespace */
	if (weir_sync_links_read(&l, &err) != 0) {
		puts(err.msg);
		return 1;
	}
	rc = weir_test_main("sync/identity", tests);
	weir_sync_links_free(&l);
	return rc;
}
