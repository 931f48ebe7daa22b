/* SPDX-License-Identifier: Apache-2.0 */
#include "conf_test.h"

static struct weir_box_conf c;

static void test_a_whole_box_is_read(void)
{
	CU_ASSERT_EQUAL_FATAL(
		box_read(
			"cores = { workers = 2; worker_cpus = [ 2, 3 ]; control_cpus = [ 0 ]; };\n"
			"memory: { hugepages = \"off\"; };\n"
			"flow = { capacity = 2000000; extension_share = 80; };\n"
			"dedup = { window_ms = 5; };\n"
			"taps = ( { name = \"core\"; ports = [ \"0000:01:00.0\" ];\n"
			"           ports_b = ( \"0000:01:00.1\" ); },\n"
			"         { name = \"edge\"; ports = [ \"net_pcap0,rx_pcap=a.pcap\" ];\n"
			"           network_type = 7; filter = \"tcp port 80\"; snaplen = 64;\n"
			"           queues = 2; promiscuous = false; ignore_outgoing = true;\n"
			"           exclusive = true; memory_mib = 8; } );\n"
			"control = { socket = \"/run/a.sock\"; group = \"ops\"; };\n"
			"http = { listen = \"\"; };\n"
			"sinks = ( { type = \"jsonl\"; path = \"-\"; } );\n"
			"vlan_map = ( { vlan = 100; type = 4; }, { vlan = 4096; type = 255; } );\n",
			&c),
		0);
	CU_ASSERT_EQUAL(c.cores.workers, 2);
	CU_ASSERT_EQUAL(c.cores.worker_cpus.n, 2);
	CU_ASSERT_EQUAL(c.cores.worker_cpus.v[1], 3);
	CU_ASSERT_EQUAL(c.memory.hugepages, WEIR_HUGEPAGES_OFF);
	CU_ASSERT_EQUAL(c.flow.capacity, 2000000);
	CU_ASSERT_EQUAL(c.dedup.window_ms, 5);
	CU_ASSERT_EQUAL_FATAL(c.taps_n, 2);
	CU_ASSERT_STRING_EQUAL(c.taps[0].name, "core");
	CU_ASSERT_STRING_EQUAL(c.taps[0].ports_b.v[0], "0000:01:00.1");
	CU_ASSERT_EQUAL(c.taps[0].network_type, 0);
	CU_ASSERT_EQUAL(c.taps[1].network_type, 7);
	CU_ASSERT_STRING_EQUAL(c.taps[1].ports.v[0], "net_pcap0,rx_pcap=a.pcap");
	CU_ASSERT_EQUAL(c.taps[1].ports_b.n, 0);
	CU_ASSERT_STRING_EQUAL(c.taps[1].filter, "tcp port 80");
	CU_ASSERT_EQUAL(c.taps[1].snaplen, 64);
	CU_ASSERT_EQUAL(c.taps[1].queues, 2);
	CU_ASSERT(c.taps[0].promiscuous && !c.taps[1].promiscuous);
	CU_ASSERT(!c.taps[0].ignore_outgoing && c.taps[1].ignore_outgoing);
	CU_ASSERT(!c.taps[0].exclusive && c.taps[1].exclusive);
	CU_ASSERT_EQUAL(c.taps[0].memory_mib, 64);
	CU_ASSERT_EQUAL(c.taps[1].memory_mib, 8);
	CU_ASSERT_STRING_EQUAL(c.control.socket, "/run/a.sock");
	CU_ASSERT_STRING_EQUAL(c.control.group, "ops");
	CU_ASSERT_STRING_EQUAL(c.http.listen, "");
	CU_ASSERT_EQUAL(c.sinks[0].type, WEIR_BOX_SINK_JSONL);
	CU_ASSERT_EQUAL_FATAL(c.vlan_map_n, 2);
	CU_ASSERT_EQUAL(c.vlan_map[1].vlan, 4096);
	CU_ASSERT_EQUAL(c.vlan_map[1].type, 255);
	CU_ASSERT_EQUAL(c.rings.records, 16384);
	weir_box_conf_free(&c);
}

static void test_nothing_is_the_defaults(void)
{
	CU_ASSERT_EQUAL_FATAL(box_read("", &c), 0);
	CU_ASSERT_EQUAL(c.cores.workers, 1);
	weir_box_conf_free(&c);
}

static void test_all_mistakes_are_found_in_one_run(void)
{
	CU_ASSERT_EQUAL(box_read("cores = { workers = 65; worker_cpu = [ 1 ]; };\n"
				 "memory = { hugepages = \"onn\"; };\n"
				 "flow = { capacity = \"many\"; };\n"
				 "taps = ( { ports = [ \"a\" ]; },\n"
				 "         5 );\n"
				 "sinks = { };\n"
				 "dedup = 10;\n"
				 "log = { level = { }; };\n"
				 "vlan_map = ( { vlan = 5000; type = 1; } );\n",
				 &c),
			-EINVAL);
	CU_ASSERT_EQUAL(errs.mistakes, 10);
	CU_ASSERT(is_said("b.cfg:1: cores.workers: 65 is out of range; allowed are 1 to 64"));
	CU_ASSERT(is_said("b.cfg:1: cores.worker_cpu: is not a setting; did you mean worker_cpus"));
	CU_ASSERT(is_said(
		"b.cfg:2: memory.hugepages: onn is not known; allowed are auto (0), on (1), "
		"off (2); did you mean on"));
	CU_ASSERT(is_said("b.cfg:3: flow.capacity: many is not a whole number; allowed are 1024 to "
			  "64000000 flows"));
	CU_ASSERT(is_said("b.cfg:4: taps[0]: lacks name"));
	CU_ASSERT(is_said("b.cfg:5: taps[1]: is not a group; write { name = value; }"));
	CU_ASSERT(is_said("b.cfg:6: sinks: is not a list; write ( { name = value; }, ... )"));
	CU_ASSERT(is_said("b.cfg:7: dedup: is a group, not a setting; write { name = value; }"));
	CU_ASSERT(is_said("b.cfg:8: log.level: is a setting, not a group"));
	CU_ASSERT(
		is_said("b.cfg:9: vlan_map[0].vlan: 5000 is out of range; allowed are 0 to 4096"));
	CU_ASSERT_PTR_NULL(c.mem);
}

static void test_rules_between_settings_hold(void)
{
	CU_ASSERT_EQUAL(
		box_read("cores = { workers = 3; worker_cpus = [ 1, 1 ]; control_cpus = [ 1 ]; };\n"
			 "rings = { records = 5000; };\n"
			 "taps = ( { name = \"a\"; ports = [ \"p\" ]; },\n"
			 "         { name = \"a\"; ports = [ ]; } );\n"
			 "sinks = ( { path = \"x\"; }, { path = \"x\"; } );\n"
			 "vlan_map = ( { vlan = 1; type = 2; },\n"
			 "             { vlan = 1; type = 3; } );\n",
			 &c),
		-EINVAL);
	CU_ASSERT(
		is_said("b.cfg:1: cores.worker_cpus: 2 CPUs for 3 workers; name one CPU a worker"));
	CU_ASSERT(is_said("b.cfg:1: cores.worker_cpus: CPU 1 is named twice"));
	CU_ASSERT(is_said("b.cfg:1: cores.control_cpus: CPU 1 is a worker's"));
	CU_ASSERT(is_said("b.cfg:2: rings.records: 5000 is not a power of two; did you mean 4096"));
	CU_ASSERT(is_said("b.cfg:4: taps[1].ports: is empty; it is needed"));
	CU_ASSERT(is_said("b.cfg:4: taps[1].name: a is also the name of taps[0]"));
	CU_ASSERT(is_said("b.cfg:5: sinks[1].path: x is also the path of sinks[0]"));
	CU_ASSERT(is_said("b.cfg:7: vlan_map[1]: VLAN 1 has type 2 already"));
}

/* A wrong value leaves nothing behind that rules would find wrong again. */
static void test_a_mistake_is_said_once_and_hides_no_other(void)
{
	CU_ASSERT_EQUAL(
		box_read("cores = { workers = 0; worker_cpus = [ 1, 2,\n"
			 "  1 ]; };\n"
			 "sinks = ( { type = \"file\"; path = \"-\"; max_mib = 100; },\n"
			 "          7 );\n"
			 "taps = (\n"
			 "  { name = \"a\";\n"
			 "    ports = [ \"eth1\",\n"
			 "              \"3b:00.0\" ]; snaplen = 63; },\n"
			 "  { ports = [ \"0000:3B:00.0,arg=1\" ]; },\n"
			 "  { name = [ ]; ports_b = [ \"if:eth1\" ]; } );\n"
			 "vlan_map = ( { vlan = 7; type = 0; }, { vlan = 7; type = 5; } );\n",
			 &c),
		-EINVAL);
	CU_ASSERT(is_said("b.cfg:1: cores.workers: 0 is out of range; allowed are 1 to 64"));
	CU_ASSERT(is_said("b.cfg:2: cores.worker_cpus: CPU 1 is named twice"));
	CU_ASSERT(is_said("b.cfg:3: sinks[0].type: file is not known; allowed are records (0), "
			  "jsonl (1), store (2)"));
	CU_ASSERT(is_said("b.cfg:4: sinks[1]: is not a group; write { name = value; }"));
	CU_ASSERT(is_said("b.cfg:8: taps[0].snaplen: 63 is out of range; allowed are 0, or 64 to "
			  "65535 bytes"));
	CU_ASSERT(is_said("b.cfg:9: taps[1]: lacks name"));
	CU_ASSERT(is_said("b.cfg:9: taps[1].ports: 0000:3b:00.0 is a port of taps[0] already; a "
			  "port has one tap"));
	CU_ASSERT(is_said("b.cfg:10: taps[2].name: is a list; allowed is one value"));
	CU_ASSERT(is_said("b.cfg:10: taps[2]: lacks ports"));
	CU_ASSERT(is_said("b.cfg:10: taps[2].ports_b: eth1 is a port of taps[0] already; a port "
			  "has one tap"));
	CU_ASSERT(is_said("b.cfg:11: vlan_map[0].type: 0 is out of range; allowed are 1 to 255"));
	CU_ASSERT_EQUAL(errs.mistakes, 11);
}

/* The text of a box with one tap of one port. */
static int port_read(const char *port, const char *more)
{
	char text[512];

	snprintf(text, sizeof(text), "taps = ( { name = \"a\"; ports = [ \"%s\" ]; %s } );", port,
		 more);
	return box_read(text, &c);
}

static void test_a_port_is_an_interface_a_pci_address_or_a_device(void)
{
	static const char *const right[] = {
		"eth1",
		"enp59s0f0np0",
		"if:net_x",
		"br-1a2b.100",
		"3b:00.0",
		"0000:3B:1f.7",
		"0000:3b:00.0,representor=0",
		"net_memif0",
		"net_af_xdp1,iface=eth1",
		"net_pcap",
		"net_other_vendor3",
	};
	static const char *const wrong[] = {
		"eth1,eth2",  "averylongname123", "eth/1",   "",        "if:",
		"0000:3b:00", "3b:20.0",          "3b:00.8", "g0:00.0", "00:3b:00.0",
		"net_memfi0", "net_af_packets0",  "..",      "eth 1",
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(right); i++) {
		CU_ASSERT_EQUAL(port_read(right[i], ""), 0);
		weir_box_conf_free(&c);
	}
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(wrong); i++) {
		CU_ASSERT_EQUAL(port_read(wrong[i], ""), -EINVAL);
		CU_ASSERT_EQUAL(errs.mistakes, 1);
	}
	CU_ASSERT_EQUAL(port_read("net_memfi0,role=client", ""), -EINVAL);
	CU_ASSERT(is_said("b.cfg:1: taps[0].ports: net_memfi0,role=client: net_memfi is no driver; "
			  "did you mean net_memif"));
}

static void test_interfaces_of_two_namespaces_are_two(void)
{
	CU_ASSERT_EQUAL(box_read("taps = ( { name = \"a\"; ports = [ \"eth1\" ]; },\n"
				 "         { name = \"b\"; ports = [ \"eth1\" ];\n"
				 "           netns = \"/run/netns/b\"; } );\n",
				 &c),
			0);
	weir_box_conf_free(&c);
	CU_ASSERT_EQUAL(port_read("eth1", "netns = \"b\";"), -EINVAL);
	CU_ASSERT(is_said("b.cfg:1: taps[0].netns: b is not an absolute path; did you mean "
			  "/run/netns/b"));
}

static void test_the_sixty_fifth_port_is_too_many(void)
{
	char text[4096] = "taps = ( { name = \"a\"; ports = [ \"e0\"";
	size_t n = strlen(text);

	for (int i = 1; i < 64; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, ",\n\"e%d\"", i);
	snprintf(text + n, sizeof(text) - n, " ]; } );");
	CU_ASSERT_EQUAL(box_read(text, &c), 0);
	weir_box_conf_free(&c);
	snprintf(text + n, sizeof(text) - n, ",\n\"e64\",\n\"e65\" ]; } );");
	CU_ASSERT_EQUAL(box_read(text, &c), -EINVAL);
	CU_ASSERT_EQUAL(errs.mistakes, 1);
	CU_ASSERT(
		is_said("b.cfg:65: taps[0].ports: e64 is one port too many; all taps together have "
			"at most 64"));
}

static void test_http_listens_on_a_numeric_address_and_a_port(void)
{
	static const char *const texts[] = {
		"",         "0.0.0.0:1", "[::1]:65535", "[fe80::1]:80", "localhost:9740",
		":9740",    "127.0.0.1", "127.0.0.1:0", "::1:9740",     "127.0.0.1:65536",
		"[::1:9740"
	};
	char text[128];

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(texts); i++) {
		snprintf(text, sizeof(text), "http = { listen = \"%s\"; };", texts[i]);
		CU_ASSERT_EQUAL(box_read(text, &c), i < 4 ? 0 : -EINVAL);
		weir_box_conf_free(&c);
	}
	CU_ASSERT(is_said("b.cfg:1: http.listen: [::1:9740 is not ADDRESS:PORT; write "
			  "127.0.0.1:9740, [::1]:9740, or \"\" for none"));
}

static void test_the_control_socket_is_an_absolute_path_that_fits(void)
{
	char text[256];

	CU_ASSERT_EQUAL(box_read("control = { socket = \"agent.sock\"; };", &c), -EINVAL);
	CU_ASSERT(is_said("b.cfg:1: control.socket: agent.sock is not an absolute path; did you "
			  "mean /run/weir/agent.sock"));
	snprintf(text, sizeof(text), "control = { socket = \"/%0107d\"; };", 0);
	CU_ASSERT_EQUAL(box_read(text, &c), -EINVAL);
	snprintf(text, sizeof(text), "control = { socket = \"/%0106d\"; };", 0);
	CU_ASSERT_EQUAL(box_read(text, &c), 0);
	weir_box_conf_free(&c);
	CU_ASSERT_EQUAL(box_read("control = { socket = \"\"; };", &c), 0);
	weir_box_conf_free(&c);
}

static void test_there_is_one_store_and_only_it_has_limits(void)
{
	CU_ASSERT_EQUAL(box_read("sinks = ( { type = \"store\"; path = \"a\"; max_mib = 16;\n"
				 "            max_age = \"30d\"; } );\n",
				 &c),
			0);
	CU_ASSERT_EQUAL(c.sinks[0].max_mib, 16);
	CU_ASSERT_EQUAL(c.sinks[0].max_age, 30 * 86400 * WEIR_NS_PER_S);
	CU_ASSERT_EQUAL(weir_box_conf_line(&c, &c.sinks[0].max_age), 2);
	CU_ASSERT_EQUAL(weir_box_conf_line(&c, &c.log.level), 0);
	weir_box_conf_free(&c);
	CU_ASSERT_EQUAL(box_read("sinks = ( { type = \"store\"; path = \"a\"; },\n"
				 "          { type = \"store\"; path = \"b\"; },\n"
				 "          { path = \"-\"; },\n"
				 "          { type = \"jsonl\"; path = \"c\"; max_mib = 50;\n"
				 "            max_age = \"2h\"; } );\n",
				 &c),
			-EINVAL);
	CU_ASSERT_EQUAL(errs.mistakes, 4);
	CU_ASSERT(is_said("b.cfg:2: sinks[1].type: sinks[0] is a store already; one is allowed"));
	CU_ASSERT(is_said("b.cfg:3: sinks[2].path: - is standard output, and only for type = "
			  "\"jsonl\"; name a directory"));
	CU_ASSERT(is_said("b.cfg:4: sinks[3].max_mib: only a store has a limit; write type = "
			  "\"store\", or leave it out"));
	CU_ASSERT(is_said("b.cfg:5: sinks[3].max_age: only a store has a limit; write type = "
			  "\"store\", or leave it out"));
}

/* libconfig stops at each of these. */
static void test_slips_of_the_pen_are_said_and_hide_nothing(void)
{
	CU_ASSERT_EQUAL(box_read("cores = { workers 2; };\n"
				 "log = { level = info; }; // level = debug\n"
				 "http: { listen: 127.0.0.1:9740; };\n"
				 "taps = (\n"
				 "  { name = \"a\"; ports = [ eth1, \"eth2\" ]; name = \"b\"; }\n"
				 "  { name = \"c\"; ports = [ \"eth3\" ]; snaplen = 5; },\n"
				 ");\n"
				 "cores = { workers = 3; };\n"
				 "dedup = { window_ms = ; };\n"
				 "flow = { capacity = 5; };\n",
				 &c),
			-EINVAL);
	CU_ASSERT(is_said("b.cfg:1: workers: lacks its ="));
	CU_ASSERT(is_said("b.cfg:2: level: a text stands in quotes; write \"info\""));
	CU_ASSERT(is_said("b.cfg:3: listen: a text stands in quotes; write \"127.0.0.1:9740\""));
	CU_ASSERT(is_said("b.cfg:5: ports: a text stands in quotes; write \"eth1\""));
	CU_ASSERT(is_said("b.cfg:5: name: is given twice in one group; write it once"));
	CU_ASSERT(is_said("b.cfg:6: a comma is missing between this { and the } before it"));
	CU_ASSERT(is_said("b.cfg:6: taps[1].snaplen: 5 is out of range; allowed are 0, or 64 to "
			  "65535 bytes"));
	CU_ASSERT(is_said("b.cfg:7: a comma before ) is one too many"));
	CU_ASSERT(is_said("b.cfg:8: cores: is given twice in one group; write it once"));
	CU_ASSERT(is_said("b.cfg:9: is not a libconfig text: syntax error"));
	CU_ASSERT(
		is_said("b.cfg:10: flow.capacity: 5 is out of range; allowed are 1024 to 64000000 "
			"flows"));
	CU_ASSERT_EQUAL(errs.mistakes, 11);
}

static void test_a_text_that_cannot_be_mended_is_one_mistake(void)
{
	static const char *const texts[] = { "taps = (\n{ name = \"a\"\n",
					     "log = {\n}}\n;",
					     "\"",
					     "log = { level = \"info; };\n",
					     "/*",
					     "=",
					     "taps = (;" };

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(texts); i++) {
		CU_ASSERT_EQUAL(box_read(texts[i], &c), -EINVAL);
		CU_ASSERT_EQUAL(errs.mistakes, 1);
	}
}

static void test_another_file_is_not_opened(void)
{
	CU_ASSERT_EQUAL(box_read("log = { };\n \t@include \"/etc/passwd\"\n", &c), -EINVAL);
	CU_ASSERT(is_said("b.cfg:2: @include is not allowed; write all settings into this file"));
}

static void test_a_number_that_fits_nowhere_is_out_of_range(void)
{
	CU_ASSERT_EQUAL(box_read("flow = { capacity = 99999999999; };\n", &c), -EINVAL);
	CU_ASSERT_EQUAL(errs.mistakes, 1);
	CU_ASSERT_EQUAL(box_read("flow = { capacity = 4294968296L; };\n", &c), -EINVAL);
	CU_ASSERT_EQUAL(box_read("flow = { capacity = -5; };\n", &c), -EINVAL);
	CU_ASSERT_EQUAL(box_read("flow = { capacity = 2e6; };\n", &c), -EINVAL);
}

static void test_text_that_is_no_libconfig_is_named_by_its_line(void)
{
	CU_ASSERT_EQUAL(box_read("log = { };\nflow = { capacity = ; };\n", &c), -EINVAL);
	CU_ASSERT(is_said("b.cfg:2: is not a libconfig text: syntax error"));
	memset(&errs, 0, sizeof(errs));
	CU_ASSERT_EQUAL(weir_box_conf_parse("log\0 = { };", 11, "b.cfg", &c, &errs), -EINVAL);
	CU_ASSERT(is_said("b.cfg:1: a zero byte is not text"));
}

static void test_a_file_that_cannot_be_read_is_named(void)
{
	memset(&errs, 0, sizeof(errs));
	CU_ASSERT_EQUAL(weir_box_conf_load("no/such.cfg", &c, &errs), -EINVAL);
	CU_ASSERT(is_said("no/such.cfg: cannot be read: No such file or directory"));
	memset(&errs, 0, sizeof(errs));
	CU_ASSERT_EQUAL(weir_box_conf_load("/dev/zero", &c, &errs), -EINVAL);
	CU_ASSERT(is_said("/dev/zero: is too long; allowed are 1048576 bytes"));
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "a whole box is read", test_a_whole_box_is_read },
		{ "nothing is the defaults", test_nothing_is_the_defaults },
		{ "all mistakes are found in one run", test_all_mistakes_are_found_in_one_run },
		{ "rules between settings hold", test_rules_between_settings_hold },
		{ "a mistake is said once and hides no other",
		  test_a_mistake_is_said_once_and_hides_no_other },
		{ "a port is an interface, a PCI address or a device",
		  test_a_port_is_an_interface_a_pci_address_or_a_device },
		{ "interfaces of two namespaces are two",
		  test_interfaces_of_two_namespaces_are_two },
		{ "the sixty-fifth port is too many", test_the_sixty_fifth_port_is_too_many },
		{ "http listens on a numeric address and a port",
		  test_http_listens_on_a_numeric_address_and_a_port },
		{ "the control socket is an absolute path that fits",
		  test_the_control_socket_is_an_absolute_path_that_fits },
		{ "there is one store, and only it has limits",
		  test_there_is_one_store_and_only_it_has_limits },
		{ "slips of the pen are said, and hide nothing",
		  test_slips_of_the_pen_are_said_and_hide_nothing },
		{ "a text that cannot be mended is one mistake",
		  test_a_text_that_cannot_be_mended_is_one_mistake },
		{ "another file is not opened", test_another_file_is_not_opened },
		{ "a number that fits nowhere is out of range",
		  test_a_number_that_fits_nowhere_is_out_of_range },
		{ "text that is no libconfig is named by its line",
		  test_text_that_is_no_libconfig_is_named_by_its_line },
		{ "a file that cannot be read is named", test_a_file_that_cannot_be_read_is_named },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("conf/box", tests);
}
