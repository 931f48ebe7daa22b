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
			"           network_type = 7; } );\n"
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
			  "64000000"));
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
	CU_ASSERT(is_said("b.cfg:4: taps[1].ports: is empty; name at least one port"));
	CU_ASSERT(is_said("b.cfg:4: taps[1].name: a is also the name of taps[0]"));
	CU_ASSERT(is_said("b.cfg:5: sinks[1].path: x is also the path of sinks[0]"));
	CU_ASSERT(is_said("b.cfg:7: vlan_map[1]: VLAN 1 has type 2 already"));
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
