/* SPDX-License-Identifier: Apache-2.0 */
/* The controller's own configuration: what a file gives, and what is refused, all of it in one run. */
#include "conf_test.h"

static struct weir_controller_conf conf;

static int controller_read(const char *text)
{
	memset(&errs, 0, sizeof(errs));
	return weir_controller_conf_parse(text, strlen(text), "c.cfg", &conf, &errs);
}

static void test_defaults_are_a_controller_that_agents_find_and_only_loopback_commands(void)
{
	CU_ASSERT_EQUAL_FATAL(weir_controller_conf_defaults(&conf), 0);
	CU_ASSERT_STRING_EQUAL(conf.state.dir, "/var/lib/weir/controller");
	CU_ASSERT_EQUAL_FATAL(conf.grpc.listen.n, 1);
	CU_ASSERT_STRING_EQUAL(conf.grpc.listen.v[0], "0.0.0.0:30035");
	CU_ASSERT_EQUAL(conf.grpc.tls.listen.n, 0);
	CU_ASSERT_STRING_EQUAL(conf.http.listen, "127.0.0.1:30417");
	CU_ASSERT_FALSE(conf.http.local_root);
	CU_ASSERT(conf.grpc.peer_calls_max < conf.grpc.calls_max); /* nobody takes all */
	CU_ASSERT_FALSE(conf.enrolment.approve);
	CU_ASSERT_STRING_EQUAL(conf.site.ingester_address, "");
	CU_ASSERT_EQUAL(conf.site.ingester_port, 30033);
	CU_ASSERT_EQUAL(conf.agents.deleted_after, 3600 * WEIR_NS_PER_S);
	weir_controller_conf_free(&conf);
}

static void test_a_file_gives_every_kind_of_value_and_its_line(void)
{
	CU_ASSERT_EQUAL_FATAL(
		controller_read(
			"state = { dir = \"/srv/weir\"; };\n"
			"grpc = { listen = [\"0.0.0.0:0\", \"[::]:30035\"];\n"
			"  tls = { listen = [\"0.0.0.0:30135\"]; ca = \"/a\"; cert = \"/b\";\n"
			"          key = \"/c\"; mutual = false; }; };\n"
			"site = { address = \"2001:db8::1\"; ingester_address = \"10.0.0.9\"; };\n"
			"agents = { lost_after = \"2m\"; };\n"
			"enrolment = { approve = true; };\n"),
		0);
	CU_ASSERT_EQUAL(errs.n, 0);
	CU_ASSERT_STRING_EQUAL(conf.state.dir, "/srv/weir");
	CU_ASSERT_EQUAL_FATAL(conf.grpc.listen.n, 2);
	CU_ASSERT_STRING_EQUAL(conf.grpc.listen.v[1], "[::]:30035");
	CU_ASSERT_STRING_EQUAL(conf.grpc.tls.key, "/c");
	CU_ASSERT_FALSE(conf.grpc.tls.mutual);
	CU_ASSERT_STRING_EQUAL(conf.site.address, "2001:db8::1");
	CU_ASSERT_EQUAL(conf.agents.lost_after, 120 * WEIR_NS_PER_S);
	CU_ASSERT(conf.enrolment.approve);
	weir_controller_conf_free(&conf);
}

static void test_all_mistakes_are_said_with_their_lines(void)
{
	CU_ASSERT_EQUAL(controller_read(
				"state = { dir = \"weir\"; };\n"
				"grpc = { listen = [\"30035\"];\n"
				"  tls = { listen = [\"0.0.0.0:30135\"]; ca = \"/a\"; }; };\n"
				"http = { listen = \"localhost\"; key = \"/k\"; };\n"
				"site = { address = \"controller.example\"; };\n"
				"agents = { lost_after = 120; };\n"
				"enrollment = { approve = true; };\n"),
			-EINVAL);
	CU_ASSERT_EQUAL(errs.mistakes, 9);
	CU_ASSERT(is_said("c.cfg:1: state.dir: \"weir\" is not an absolute path"));
	CU_ASSERT(is_said("c.cfg:2: grpc.listen: 30035 is not ADDRESS:PORT; write 0.0.0.0:30035 or "
			  "[::]:30035"));
	CU_ASSERT(is_said(
		"c.cfg:3: grpc.tls.cert: is empty; grpc.tls.listen needs ca, cert and key"));
	CU_ASSERT(
		is_said("c.cfg:3: grpc.tls.key: is empty; grpc.tls.listen needs ca, cert and key"));
	CU_ASSERT(is_said("c.cfg:4: http.listen: \"localhost\" is not ADDRESS:PORT; write "
			  "127.0.0.1:30417 or [::1]:30417"));
	CU_ASSERT(is_said("c.cfg:4: http.cert: is empty; http.key goes with it"));
	CU_ASSERT(is_said("c.cfg:5: site.address: controller.example is not an IP address; older "
			  "agents take no host name"));
	CU_ASSERT(
		is_said("c.cfg:6: agents.lost_after: 120 has no unit (ns, us, ms, s, m, h, d); did "
			"you mean 120s"));
	CU_ASSERT(is_said("c.cfg:7: enrollment: is not a setting; did you mean enrolment"));
	CU_ASSERT_PTR_NULL(conf.mem);
}

static void test_a_controller_that_listens_nowhere_is_refused(void)
{
	CU_ASSERT_EQUAL(controller_read("grpc = { listen = []; };\n"), -EINVAL);
	CU_ASSERT(
		is_said("c.cfg:1: grpc.listen: is empty, and so is grpc.tls.listen: no agent could "
			"connect"));
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "defaults are a controller that agents find and only loopback commands",
		  test_defaults_are_a_controller_that_agents_find_and_only_loopback_commands },
		{ "a file gives every kind of value and its line",
		  test_a_file_gives_every_kind_of_value_and_its_line },
		{ "all mistakes are said with their lines",
		  test_all_mistakes_are_said_with_their_lines },
		{ "a controller that listens nowhere is refused",
		  test_a_controller_that_listens_nowhere_is_refused },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("conf/controller", tests);
}
