/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands of weir-controller share. */
#ifndef CONTROLLER_H
#define CONTROLLER_H

#include <program.h>
#include <weir_conf.h>

#define CONTROLLER_PATH \
	"/etc/weir/controller.cfg" /* read where there is one and no other is named */

int controller_run(int argc, char **argv);
int controller_check(int argc, char **argv);
int controller_restore(int argc, char **argv);

/* NULL: CONTROLLER_PATH or, without that file, defaults. 0, or an exit code after messages. */
int controller_conf_load(struct weir_controller_conf *c, const char *path);

#endif
