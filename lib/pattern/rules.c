/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of a group's configuration that need more than lib/conf knows, the same for agents and controller. */
#include <weir_pattern.h>

void weir_pattern_group_rules(const struct weir_group_conf *conf, const char *name,
			      struct weir_err_list *errs)
{
	const struct {
		const char *path;
		const char *const *text;
		int (*check)(const char *text, struct weir_err *err);
	} rows[] = {
#define ROW(key, check) { "inputs.cbpf.af_packet." #key, &conf->inputs.cbpf.af_packet.key, check }
		ROW(interface_regex, weir_regex_check),
		ROW(extra_netns_regex, weir_regex_check),
		ROW(inner_interface_regex, weir_regex_check),
		ROW(extra_bpf_filter, weir_pattern_pcap_check),
#undef ROW
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(rows); i++) {
		struct weir_err err = { 0 };

		if (weir_group_conf_from(conf, rows[i].text) != WEIR_CONF_FILE ||
		    (*rows[i].text)[0] == '\0' || rows[i].check(*rows[i].text, &err) == 0)
			continue;
		weir_err_list_add(errs, false, name, weir_group_conf_line(conf, rows[i].text), 0,
				  "%s: %s", rows[i].path, err.msg);
	}
}
