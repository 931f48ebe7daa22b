/* SPDX-License-Identifier: Apache-2.0 */
/* The box configuration and the controller's own: what machines are, in libconfig's grammar. */
#include "conf_priv.h"

int weir_box_conf_defaults(struct weir_box_conf *out)
{
	return weir_conf_kind_defaults(&weir_conf_box_kind, out);
}

int weir_box_conf_parse(const char *text, size_t len, const char *name, struct weir_box_conf *out,
			struct weir_err_list *errs)
{
	return weir_conf_libconfig_parse(&weir_conf_box_kind, text, len, name, out, errs);
}

static int box_parse(const char *text, size_t len, const char *name, void *out,
		     struct weir_err_list *errs)
{
	return weir_box_conf_parse(text, len, name, out, errs);
}

int weir_box_conf_load(const char *path, struct weir_box_conf *out, struct weir_err_list *errs)
{
	return weir_conf_file_load(path, box_parse, out, sizeof(*out), errs);
}

uint32_t weir_box_conf_line(const struct weir_box_conf *conf, const void *field)
{
	return weir_conf_given_line(&weir_conf_box_kind, conf, field, CONF_WHOLE);
}

void weir_box_conf_free(struct weir_box_conf *conf)
{
	weir_conf_kind_free(&weir_conf_box_kind, conf);
}

int weir_controller_conf_defaults(struct weir_controller_conf *out)
{
	return weir_conf_kind_defaults(&weir_conf_controller_kind, out);
}

int weir_controller_conf_parse(const char *text, size_t len, const char *name,
			       struct weir_controller_conf *out, struct weir_err_list *errs)
{
	return weir_conf_libconfig_parse(&weir_conf_controller_kind, text, len, name, out, errs);
}

static int controller_parse(const char *text, size_t len, const char *name, void *out,
			    struct weir_err_list *errs)
{
	return weir_controller_conf_parse(text, len, name, out, errs);
}

int weir_controller_conf_load(const char *path, struct weir_controller_conf *out,
			      struct weir_err_list *errs)
{
	return weir_conf_file_load(path, controller_parse, out, sizeof(*out), errs);
}

void weir_controller_conf_free(struct weir_controller_conf *conf)
{
	weir_conf_kind_free(&weir_conf_controller_kind, conf);
}
