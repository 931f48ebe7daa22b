/* SPDX-License-Identifier: Apache-2.0 */
/* Interfaces that a host uses, and does not, in a network namespace of our own. */
#include "afpacket_test.h"
#include "ethdev_priv.h"
#include "weir_test.h"

#include <weir_source_ethdev.h>

static void is_free(void)
{
	struct weir_err err = { 0 };

	CU_ASSERT_EQUAL(weir_ethdev_host_uses("net_af_xdp0,start_queue=0,iface=wb", &err), 0);
	if (err.code != 0)
		fprintf(stderr, "%s\n", err.msg);
}

static void is_used_for(const char *words)
{
	struct weir_err err = { 0 };

	CU_ASSERT_EQUAL(weir_ethdev_host_uses("net_af_xdp0,iface=wb,queue_count=1", &err), -EBUSY);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, words));
	if (strstr(err.msg, words) == NULL)
		fprintf(stderr, "\"%s\" without \"%s\"\n", err.msg, words);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "exclusive = true"));
}

static void test_an_interface_without_anything_is_free(void)
{
	CU_ASSERT_FATAL(veth_make(1500));
	is_free();
}

static void test_its_own_link_local_address_does_not_count(void)
{
	CU_ASSERT_FATAL(veth_make(1500));
	CU_ASSERT(run("sysctl -q -w net.ipv6.conf.wb.disable_ipv6=0"));
	CU_ASSERT(run("ip -6 addr add fe80::1/64 dev wb nodad"));
	is_free();
	CU_ASSERT(run("ip -6 addr add 2001:db8::1/64 dev wb nodad"));
	is_used_for("wb carries 2001:db8::1");
}

static void test_an_address(void)
{
	CU_ASSERT_FATAL(veth_make(1500));
	CU_ASSERT(run("ip addr add 192.0.2.1/24 dev wb"));
	is_used_for("wb carries 192.0.2.1");
	CU_ASSERT(run("ip addr del 192.0.2.1/24 dev wb"));
	is_free();
}

static void test_a_default_route(void)
{
	CU_ASSERT_FATAL(veth_make(1500));
	CU_ASSERT(run("ip route add 198.51.100.0/24 dev wb"));
	is_free();
	CU_ASSERT(run("ip route add default dev wb"));
	is_used_for("wb has the default route");
	CU_ASSERT(run("ip route del default dev wb"));
	CU_ASSERT(run("sysctl -q -w net.ipv6.conf.wb.disable_ipv6=0"));
	CU_ASSERT(run("ip -6 route add default dev wb"));
	is_used_for("wb has the default route");
}

static void test_a_bridge_it_belongs_to(void)
{
	CU_ASSERT_FATAL(veth_make(1500));
	if (!run("ip link add wbr type bridge 2>/dev/null"))
		return;
	CU_ASSERT(run("ip link set wb master wbr"));
	is_used_for("wb belongs to wbr");
	CU_ASSERT(run("ip link del wbr"));
	is_free();
}

static void test_what_lies_on_top_of_it(void)
{
	CU_ASSERT_FATAL(veth_make(1500));
	if (!run("ip link add link wb name wb.7 type vlan id 7 2>/dev/null"))
		return;
	is_free();
	CU_ASSERT(run("ip addr add 192.0.2.7/24 dev wb.7"));
	is_used_for("wb.7 carries 192.0.2.7");
}

static void test_the_other_end_of_a_veth_pair_does_not_count(void)
{
	veth_remove();
	CU_ASSERT_FATAL(run("ip link add name wb type veth peer name wc"));
	CU_ASSERT(run("ip addr add 192.0.2.1/24 dev wc"));
	is_free();
}

static void test_only_what_takes_packets_away_is_asked(void)
{
	CU_ASSERT_FATAL(veth_make(1500));
	CU_ASSERT(run("ip addr add 192.0.2.1/24 dev wb"));
	CU_ASSERT_EQUAL(weir_ethdev_host_uses("net_af_packet0,iface=wb", NULL), 0);
	CU_ASSERT_EQUAL(weir_ethdev_host_uses("net_pcap0,rx_iface=wb", NULL), 0);
	CU_ASSERT_EQUAL(weir_ethdev_host_uses("net_memif0,role=server", NULL), 0);
	CU_ASSERT_EQUAL(weir_ethdev_host_uses("net_af_xdp0", NULL), 0);
	CU_ASSERT_EQUAL(weir_ethdev_host_uses("net_af_xdp0,iface=nobody", NULL), 0);
}

/* As sysfs has it: DEVICE/net/NAME, or DEVICE/virtioN/net/NAME. */
static void test_a_card_by_its_interface(void)
{
	static const char *const folders[] = { "net", "virtio0/net" };
	char root[64];

	snprintf(root, sizeof(root), P_tmpdir "/weir-sysfs-%d", getpid());
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(folders); i++) {
		struct weir_err err = { 0 };

		CU_ASSERT_FATAL(veth_make(1500));
		CU_ASSERT(run("mkdir -p %s/0000:3b:00.0/%s/wb %s/0000:3b:00.1/driver", root,
			      folders[i], root));
		CU_ASSERT_EQUAL(pci_host_uses(root, "0000:3b:00.0", &err), 0);
		CU_ASSERT(run("ip addr add 192.0.2.1/24 dev wb"));
		CU_ASSERT_EQUAL(pci_host_uses(root, "0000:3b:00.0", &err), -EBUSY);
		CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "0000:3b:00.0"));
		CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "wb carries 192.0.2.1"));
		CU_ASSERT_EQUAL(pci_host_uses(root, "0000:3b:00.1", &err), 0);
		CU_ASSERT_EQUAL(pci_host_uses(root, "0000:3b:00.2", &err), 0);
		CU_ASSERT(run("rm -r %s", root));
	}
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "an interface without anything is free",
		  test_an_interface_without_anything_is_free },
		{ "its own link-local address does not count",
		  test_its_own_link_local_address_does_not_count },
		{ "an address", test_an_address },
		{ "a default route", test_a_default_route },
		{ "a bridge it belongs to", test_a_bridge_it_belongs_to },
		{ "what lies on top of it", test_what_lies_on_top_of_it },
		{ "the other end of a veth pair does not count",
		  test_the_other_end_of_a_veth_pair_does_not_count },
		{ "only what takes packets away is asked",
		  test_only_what_takes_packets_away_is_asked },
		{ "a card by its interface", test_a_card_by_its_interface },
		CU_TEST_INFO_NULL,
	};
	const char *why;
	int failed;

	if (!namespaces_make(&why)) {
		fprintf(stderr, "skipped: %s\n", why);
		return 77;
	}
	failed = weir_test_main("ethdev/exclusive", tests);
	veth_remove();
	return failed;
}
