/* SPDX-License-Identifier: Apache-2.0 */
/* At build time: the reference of all settings, or the sample of one configuration, on stdout. */
#include <weir_conf.h>

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*print)(FILE *out);
	} pages[] = {
		{ "box", weir_box_sample_print },
		{ "controller", weir_controller_sample_print },
		{ "group", weir_group_sample_print },
		{ "reference", weir_conf_reference_print },
	};

	for (size_t i = 0; argc == 2 && i < WEIR_ARRAY_SIZE(pages); i++) {
		if (strcmp(argv[1], pages[i].name) == 0) {
			pages[i].print(stdout);
			return ferror(stdout) != 0 || fflush(stdout) != 0;
		}
	}
	fputs("usage: weir_conf_print box|controller|group|reference\n", stderr);
	return 2;
}
