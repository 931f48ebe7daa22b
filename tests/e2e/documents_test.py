#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Pages made at build from the tables are whole, and what the READMEs point to is there."""
import glob
import os
import re

import weir

# What the tables hold, read without the programs: rows of C tables and of .def files.
PROGRAM_OPTION = re.compile(r'= \{ "([a-z-]+)", (?:0|\'.\'),')
CTL_OPTION = re.compile(r'\{ (?:0|\'.\'), "([a-z-]+)",')
NAMED = {
    'tools/doc/counters.md': (('lib/stats/outcomes.def', r'^WEIR_OUTCOME\(\w+, (\w+),'),
                              ('lib/flow/counters.def', r'^WEIR_FLOW_COUNTER\((\w+),')),
    'tools/doc/fields.md': (('lib/rec/flow_fields.def', r'^WEIR_(?:FIELD|DERIVED)\((\w+),'),),
}


def source(path):
    with open(os.path.join(weir.SOURCE, path)) as f:
        return f.read()


def page(path):
    with open(os.path.join(weir.BUILD, path)) as f:
        return f.read()


def readmes():
    for folder, folders, files in os.walk(weir.SOURCE):
        folders[:] = [d for d in folders if not d.startswith(('.', 'build')) and d != 'subprojects']
        if 'README.md' in files:
            yield os.path.relpath(os.path.join(folder, 'README.md'), weir.SOURCE)


class Documents(weir.Case):
    def man_page(self, name, options, commands):
        text = page(f'tools/doc/{name}.1').replace('\\-', '-')
        for command in commands:
            self.assertIn(f'\n.SH {command.upper()}\n', text)
        self.assertGreater(len(options), 5)
        for option in options:
            self.assertRegex(text, rf'\n\.B (?:-., )?--{option}[ \n]')

    def test_the_manual_of_the_agent_has_every_option(self):
        options = [o for c in ('replay', 'bench', 'check', 'doctor/doctor') for o in PROGRAM_OPTION.findall(source(f'app/agent/{c}.c'))]
        self.man_page('weir-agent', options, ('replay', 'bench', 'check', 'doctor'))

    def test_the_manual_of_the_controller_has_every_option(self):
        options = [o for f in ('run', 'commands') for o in PROGRAM_OPTION.findall(source(f'app/controller/{f}.c'))]
        self.man_page('weir-controller', options, ('run', 'check', 'restore'))

    def test_the_manual_of_weirctl_has_every_option(self):
        options = CTL_OPTION.findall(source('tools/ctl/options.c'))
        self.man_page('weirctl', options, ('flow list', 'flow top', 'flow show'))

    def test_each_counter_and_field_has_one_row(self):
        for path, tables in NAMED.items():
            names = [n for table, row in tables for n in re.findall(row, source(table), re.M)]
            self.assertGreater(len(names), 5)
            for name in names:
                self.assertEqual(page(path).count(f'| `{name}` |'), 1, name)

    def test_rows_of_a_page_have_the_cells_of_their_header(self):
        for path in NAMED:
            for table in re.findall(r'(?:^\|.*\n)+', page(path), re.M):
                self.assertEqual(len({len(re.findall(r'(?<!\\)\|', row)) for row in table.splitlines()}), 1, table)

    def test_every_setting_of_the_samples_is_in_the_reference(self):
        reference = page('config/settings.md')
        for path in ('config/agent.cfg', 'config/group.yaml'):
            names = re.findall(r'^\s*#?([a-z]\w+)(?: = |: )\S', source(path), re.M)
            self.assertGreater(len(names), 5)
            for name in names:
                self.assertRegex(reference, rf'[`.]{name}\b', path)

    def test_what_a_readme_points_to_is_there(self):
        for path in readmes():
            text = source(path)
            near = os.path.dirname(os.path.join(weir.SOURCE, path))
            links = re.findall(r'\]\((?!\w+:)([^)#]+)', text)
            links += re.findall(r'`([\w.*-]+/[\w./*-]+\.(?:md|c|h|def|py|cfg|yaml|build|1))`', text)
            for link in links:
                if link.startswith('bpf/'):  # kernel programs are yet to come
                    continue
                places = [os.path.join(weir.BUILD, link.removeprefix('build/'))] if link.startswith('build/') else \
                         [os.path.join(weir.SOURCE, link), os.path.join(near, link)]
                self.assertTrue(any(glob.glob(p) for p in places), f'{path}: {link}')


if __name__ == '__main__':
    weir.main()
