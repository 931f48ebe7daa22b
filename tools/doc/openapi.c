/* SPDX-License-Identifier: Apache-2.0 */
/* openapi.json: the controller's HTTP API, of its table of routes. */
#include <api.h>

int main(void)
{
	api_openapi_print(stdout);
	return ferror(stdout) != 0;
}
