/* SPDX-License-Identifier: Apache-2.0 */
#include "conf_test.h"

#include <weir_sync_boot.h>

static struct weir_sync_boot b;

static int boot_read(const char *text)
{
	memset(&errs, 0, sizeof(errs));
	return weir_sync_boot_parse(text, strlen(text), "boot.yaml", &b, &errs);
}

static void test_an_empty_file_gives_the_defaults(void)
{
	CU_ASSERT_EQUAL(boot_read(""), 0);
	CU_ASSERT_EQUAL(b.controller_ips.n, 0);
	CU_ASSERT_EQUAL(b.controller_port, 30035);
	CU_ASSERT_EQUAL(b.controller_tls_port, 30135);
	CU_ASSERT_EQUAL(b.async_worker_threads, 16);
	CU_ASSERT_EQUAL(b.identifier, WEIR_SYNC_IP_AND_MAC);
	CU_ASSERT_FALSE(b.cgroups_disabled);
	CU_ASSERT_TRUE(b.liveness_probe_enabled);
	CU_ASSERT_EQUAL(b.liveness_probe_port, 39090);
	CU_ASSERT_STRING_EQUAL(b.log_file, "/var/log/deepflow-agent/deepflow-agent.log");
	CU_ASSERT_STRING_EQUAL(b.team_id, "");
	CU_ASSERT_EQUAL(errs.warnings, 0);
}

/* As DeepFlow's chart writes it. */
static void test_every_key_is_read(void)
{
	CU_ASSERT_EQUAL_FATAL(boot_read("controller-ips:\n"
					"- 10.1.2.3\n"
					"- fd00::7\n"
					"- controller.example.org\n"
					"controller-port: 30036\n"
					"controller-tls-port: 30136\n"
					"controller-cert-file-prefix: \"/etc/x/cert\"\n"
					"log-file: /var/log/weir/a.log\n"
					"kubernetes-cluster-id: d-abcdef0123\n"
					"kubernetes-cluster-name: prod\n"
					"vtap-group-id-request: g-1yhIguXABC\n"
					"override-os-hostname: box7\n"
					"async-worker-thread-number: 4\n"
					"agent-unique-identifier: ip\n"
					"pid-file: /run/a.pid\n"
					"team-id: t-0123456789\n"
					"cgroups-disabled: true\n"
					"liveness-probe-enabled: false\n"
					"liveness-probe-port: 39091\n"),
			      0);
	CU_ASSERT_EQUAL_FATAL(b.controller_ips.n, 3);
	CU_ASSERT_STRING_EQUAL(b.controller_ips.v[0], "10.1.2.3");
	CU_ASSERT_STRING_EQUAL(b.controller_ips.v[1], "fd00::7");
	CU_ASSERT_STRING_EQUAL(b.controller_ips.v[2], "controller.example.org");
	CU_ASSERT_EQUAL(b.controller_port, 30036);
	CU_ASSERT_EQUAL(b.controller_tls_port, 30136);
	CU_ASSERT_STRING_EQUAL(b.controller_cert_file_prefix, "/etc/x/cert");
	CU_ASSERT_STRING_EQUAL(b.log_file, "/var/log/weir/a.log");
	CU_ASSERT_STRING_EQUAL(b.kubernetes_cluster_id, "d-abcdef0123");
	CU_ASSERT_STRING_EQUAL(b.kubernetes_cluster_name, "prod");
	CU_ASSERT_STRING_EQUAL(b.agent_group_id, "g-1yhIguXABC");
	CU_ASSERT_STRING_EQUAL(b.host_name, "box7");
	CU_ASSERT_EQUAL(b.async_worker_threads, 4);
	CU_ASSERT_EQUAL(b.identifier, WEIR_SYNC_IP);
	CU_ASSERT_STRING_EQUAL(b.pid_file, "/run/a.pid");
	CU_ASSERT_STRING_EQUAL(b.team_id, "t-0123456789");
	CU_ASSERT_TRUE(b.cgroups_disabled);
	CU_ASSERT_FALSE(b.liveness_probe_enabled);
	CU_ASSERT_EQUAL(b.liveness_probe_port, 39091);
}

static void test_a_key_without_a_value_has_its_default(void)
{
	CU_ASSERT_EQUAL(boot_read("controller-port:\nteam-id: ~\nlog-file: null\n"), 0);
	CU_ASSERT_EQUAL(b.controller_port, 30035);
	CU_ASSERT_STRING_EQUAL(b.team_id, "");
}

static void test_all_mistakes_are_found_in_one_run(void)
{
	CU_ASSERT_EQUAL(boot_read("controller-ips: 10.1.2.3\n"
				  "controller-prot: 30035\n"
				  "controller-port: 70000\n"
				  "  \n"
				  "controller-tls-port: many\n"
				  "agent-unique-identifier: mac\n"
				  "cgroups-disabled: maybe\n"
				  "team-id: [a]\n"
				  "log-file: \"a\\x07b\"\n"
				  "pid-file: &x /run/a\n"
				  "host: *x\n"
				  "cgroups-disabled: true\n"),
			-EINVAL);
	CU_ASSERT_TRUE(is_said("boot.yaml:1:17: controller-ips: 10.1.2.3 is not a list; "
			       "did you mean [10.1.2.3]"));
	CU_ASSERT_TRUE(is_said("boot.yaml:2:1: controller-prot: is not a key; did you mean "
			       "controller-port"));
	CU_ASSERT_TRUE(is_said("boot.yaml:3:18: controller-port: 70000 is out of range; allowed "
			       "are 1 to 65535"));
	CU_ASSERT_TRUE(is_said("boot.yaml:5:22: controller-tls-port: many is not a whole number; "
			       "allowed are 1 to 65535"));
	CU_ASSERT_TRUE(is_said("boot.yaml:6:26: agent-unique-identifier: mac is not known; "
			       "allowed are ip-and-mac and ip"));
	CU_ASSERT_TRUE(
		is_said("boot.yaml:7:19: cgroups-disabled: maybe is neither true nor false"));
	CU_ASSERT_TRUE(is_said("boot.yaml:8:10: team-id: is one value"));
	CU_ASSERT_TRUE(is_said("boot.yaml:9:11: log-file: holds a control character"));
	CU_ASSERT_TRUE(is_said("boot.yaml:11:7: an alias is not allowed; write the value itself"));
	CU_ASSERT_TRUE(is_said("boot.yaml:12:1: cgroups-disabled: is on line 7 too"));
	CU_ASSERT_EQUAL(errs.mistakes, 10);
	CU_ASSERT_EQUAL(b.controller_port, 30035);
}

/* Without a bound libyaml would be busy with it for an hour. */
static void test_brackets_without_an_end_are_refused_soon(void)
{
	static char text[1000000] = "team-id: ";

	memset(text + 9, '[', sizeof(text) - 10);
	CU_ASSERT_EQUAL(boot_read(text), -EINVAL);
	CU_ASSERT_TRUE(is_said("boot.yaml:1:17: too many lists and groups within each other"));
}

static void test_addresses_are_checked_one_by_one(void)
{
	CU_ASSERT_EQUAL(boot_read("controller-ips:\n"
				  "- 10.0.0.1\n"
				  "- \"a b\"\n"
				  "- {x: 1}\n"
				  "- \"\"\n"),
			-EINVAL);
	CU_ASSERT_TRUE(is_said("boot.yaml:3:3: controller-ips: a b is neither an address nor a "
			       "host name"));
	CU_ASSERT_TRUE(is_said("boot.yaml:4:3: controller-ips: is not a list of addresses"));
	CU_ASSERT_EQUAL(errs.mistakes, 3);
}

static void test_keys_of_other_versions_are_warned_of(void)
{
	CU_ASSERT_EQUAL(boot_read("ingress-flavour: openshift\nsrc-interfaces: [a, b]\n"
				  "some-new-thing: {a: [1]}\nteam-id: t-1\n"),
			0);
	CU_ASSERT_TRUE(is_said("boot.yaml:1:1: warning: ingress-flavour: is not read here: "
			       "belongs to the group's static_config"));
	CU_ASSERT_TRUE(
		is_said("boot.yaml:3:1: warning: some-new-thing: is not known here, and not read"));
	CU_ASSERT_STRING_EQUAL(b.team_id, "t-1");
}

static void test_what_is_no_yaml_is_refused_with_its_place(void)
{
	CU_ASSERT_EQUAL(boot_read("a: b: c\n"), -EINVAL);
	CU_ASSERT_EQUAL(errs.items[0].line, 1);
	CU_ASSERT_EQUAL(boot_read("team-id: \xff\n"), -EINVAL);
	CU_ASSERT_EQUAL(boot_read("- a\n"), -EINVAL);
	CU_ASSERT_TRUE(is_said("boot.yaml:1:1: keys are expected, as name: value"));
	CU_ASSERT_EQUAL(boot_read("team-id: a\n---\nteam-id: b\n"), -EINVAL);
	CU_ASSERT_TRUE(is_said("boot.yaml:2:1: a second document begins; one is allowed"));
}

static void test_no_file_is_no_mistake(void)
{
	memset(&errs, 0, sizeof(errs));
	CU_ASSERT_EQUAL(weir_sync_boot_load("/nonexistent/x.yaml", &b, &errs), -ENOENT);
	CU_ASSERT_EQUAL(errs.mistakes, 0);
	CU_ASSERT_EQUAL(weir_sync_boot_load("/", &b, &errs), -EINVAL);
	CU_ASSERT_EQUAL(errs.mistakes, 1);
	CU_ASSERT_EQUAL(b.controller_port, 30035);
}

static void test_the_environment_is_read(void)
{
	struct weir_sync_env env;

	memset(&errs, 0, sizeof(errs));
	unsetenv("IN_CONTAINER");
	setenv("K8S_WATCH_POLICY", "watch-only", 1);
	setenv("K8S_NODE_IP_FOR_DEEPFLOW", "10.9.8.7", 1);
	setenv("CTRL_NETWORK_INTERFACE", "an-interface-name-that-is-too-long", 1);
	setenv("K8S_MEM_LIMIT_FOR_DEEPFLOW", "100", 1);
	weir_sync_env_read(&env, &errs);
	CU_ASSERT_FALSE(env.watch_only); /* counts in a container only */
	CU_ASSERT_STRING_EQUAL(env.node_ip, "10.9.8.7");
	CU_ASSERT_STRING_EQUAL(env.interface, "");
	CU_ASSERT_STRING_EQUAL(env.k8s_namespace, "deepflow");
	CU_ASSERT_EQUAL(env.memory_mib, 0);
	CU_ASSERT_EQUAL(errs.warnings, 2);
	setenv("IN_CONTAINER", "yes", 1);
	setenv("K8S_MEM_LIMIT_FOR_DEEPFLOW", "128", 1);
	setenv("K8S_NODE_IP_FOR_DEEPFLOW", "node7", 1);
	weir_sync_env_read(&env, &errs);
	CU_ASSERT_TRUE(env.watch_only);
	CU_ASSERT_STRING_EQUAL(env.node_ip, "");
	CU_ASSERT_EQUAL(env.memory_mib, 128);
	setenv("K8S_WATCH_POLICY", "watch-disabled", 1);
	weir_sync_env_read(&env, &errs);
	CU_ASSERT_FALSE(env.watch_only);
	CU_ASSERT_TRUE(env.watch_disabled);
	setenv("ONLY_WATCH_K8S_RESOURCE", "", 1);
	weir_sync_env_read(&env, &errs);
	CU_ASSERT_TRUE(env.watch_only);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "an empty file gives the defaults", test_an_empty_file_gives_the_defaults },
		{ "every key is read", test_every_key_is_read },
		{ "a key without a value has its default",
		  test_a_key_without_a_value_has_its_default },
		{ "all mistakes are found in one run", test_all_mistakes_are_found_in_one_run },
		{ "brackets without an end are refused soon",
		  test_brackets_without_an_end_are_refused_soon },
		{ "addresses are checked one by one", test_addresses_are_checked_one_by_one },
		{ "keys of other versions are warned of",
		  test_keys_of_other_versions_are_warned_of },
		{ "what is no YAML is refused with its place",
		  test_what_is_no_yaml_is_refused_with_its_place },
		{ "no file is no mistake", test_no_file_is_no_mistake },
		{ "the environment is read", test_the_environment_is_read },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("sync/boot", tests);
}
